"""Variables of the environment as settings: what cannot be understood becomes a sentence that names the variable."""

import math
import warnings
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on", "y", "t", "ok"}, {"0", "false", "no", "off", "n", "f", ""}
_KINDS = {int: "a whole number", float: "a number", bool: "1 or 0"}


class Environment(environ.Env):
    """django-environ, but strict: `DEBUG=maybe` is refused instead of meaning no, and `HTTP_PORT=abc` says so."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        text = str(self.ENVIRON.get(var, ""))
        kind = _KINDS.get(cast)
        if cast is bool and text.strip().lower() not in TRUE | FALSE:
            raise ImproperlyConfigured(f"{var} is {text!r}, which is not {kind}.")
        try:
            value = super().get_value(var, cast=cast, default=default, parse_default=parse_default)
        except (ValueError, TypeError) as error:
            raise ImproperlyConfigured(f"{var} is {text!r}, which is not {kind or 'understood'}.") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise ImproperlyConfigured(f"{var} is {text!r}, which is not {kind}.")
        return value

    def address(self, var: str, kind: str, default: str) -> Any:
        """The settings that a URL stands for: `kind` is "db_url" or "email_url". The URL may hold a password, so the
        error does not repeat it."""
        try:
            with warnings.catch_warnings(action="ignore"):  # one quotes a part of the address
                found = getattr(self, kind)(var, default=default)
        except (ValueError, TypeError, KeyError, ImproperlyConfigured) as error:
            raise ImproperlyConfigured(f"{var} is not an address as .env.example shows it.") from error
        if "." not in found.get("ENGINE" if kind == "db_url" else "EMAIL_BACKEND", ""):
            raise ImproperlyConfigured(f"{var} is not an address as .env.example shows it.")
        return found

    def choice(self, var: str, choices: tuple[str, ...], default: str) -> str:
        """One of a few words, in capitals or not."""
        word = str(self.str(var, default=default)).upper()
        if word not in choices:
            raise ImproperlyConfigured(f"{var} is {word!r}, but must be one of {', '.join(choices)}.")
        return word

    def networks(self, var: str, default: str) -> list[IPv4Network | IPv6Network]:
        """Addresses and networks, comma-separated."""
        parts = [part.strip() for part in str(self.str(var, default=default)).split(",") if part.strip()]
        try:
            return [ip_network(part) for part in parts]
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}: {error}.") from error

    def time_zone(self, var: str, default: str) -> str:
        name = str(self.str(var, default=default))
        if name not in available_timezones():
            raise ImproperlyConfigured(f"{var} is {name!r}, which is no time zone such as UTC or Europe/Vienna.")
        return name
