"""The keys that seal secrets in the database (cloudapi.encryption)."""

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error

NEW_KEY_HINT = (
    "A key is 32 random bytes in base64: "
    "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)


def encryption_keys() -> list[CheckMessage]:
    wrong = [number for number, key in enumerate(settings.FIELD_ENCRYPTION_KEYS, start=1) if not _is_fernet_key(key)]
    if not wrong:
        return []
    return [
        Error(
            f"FIELD_ENCRYPTION_KEYS: number {wrong[0]} is no key.",  # the value is a secret even then
            hint=NEW_KEY_HINT,
            id="cloudapi.E017",
        )
    ]


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True


def encryption_key() -> list[CheckMessage]:
    if settings.FIELD_ENCRYPTION_KEYS:
        return []
    return [
        Error(
            "FIELD_ENCRYPTION_KEYS is not set: DJI app keys and licences can neither be stored nor given to docks.",
            hint=NEW_KEY_HINT,
            id="cloudapi.E018",
        )
    ]
