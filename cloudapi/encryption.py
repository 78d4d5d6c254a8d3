"""Secrets at rest: sealed with the first of settings.FIELD_ENCRYPTION_KEYS, opened with any of them.

Fernet (AES-128-CBC with HMAC-SHA256) of the package `cryptography`. A key is 32 random bytes in URL-safe base64.
"""

from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

#: Tells what is sealed from plain text, also in a dump of the database.
PREFIX = "fernet:"


class Unreadable(Exception):
    """A stored secret that none of the keys opens, or there is no key at all. The text never shows the value."""


@dataclass(frozen=True)
class Sealed:
    """A secret as it is stored."""

    token: str = field(repr=False)

    def open(self) -> str:
        """The plain text. Raises Unreadable."""
        if not self.token.startswith(PREFIX):
            raise Unreadable("A stored secret is not encrypted: run `manage.py migrate`.")
        try:
            return _keys().decrypt(self._bytes).decode()
        except InvalidToken:
            raise Unreadable("None of FIELD_ENCRYPTION_KEYS opens a stored secret.") from None

    def renewed(self) -> "Sealed":
        """The same secret under the newest key. Raises Unreadable."""
        if not self.token.startswith(PREFIX):
            return seal(self.open())
        try:
            return Sealed(PREFIX + _keys().rotate(self._bytes).decode())
        except InvalidToken:
            raise Unreadable("None of FIELD_ENCRYPTION_KEYS opens a stored secret.") from None

    @property
    def _bytes(self) -> bytes:
        return self.token.removeprefix(PREFIX).encode()


def seal(plain: str) -> Sealed:
    """Raises Unreadable when there is no usable key."""
    return Sealed(PREFIX + _keys().encrypt(plain.encode()).decode())


def _keys() -> MultiFernet:
    if not settings.FIELD_ENCRYPTION_KEYS:
        raise Unreadable("FIELD_ENCRYPTION_KEYS is not set, so secrets can neither be stored nor read.")
    try:
        return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])
    except ValueError:
        raise Unreadable("FIELD_ENCRYPTION_KEYS holds something that is no key (`manage.py check` says how).") from None
