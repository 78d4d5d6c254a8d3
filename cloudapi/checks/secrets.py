"""Production has secrets of its own. Processes ask this when they start (`refuse`), and end if it is not so."""

from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from cloudapi.checks.encryption import encryption_key

#: What a machine made has more; what a person typed to get started has less.
LEAST_CHARACTERS, LEAST_DIFFERENT = 16, 8
LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]", "testserver"}


def refuse() -> None:
    """A server process that starts without secrets of its own ends here. Raises ImproperlyConfigured.

    `make run` has made its own; its account of the demo is printed on the terminal, so it stays a demo.
    """
    if _is_demo() or _is_local_debugging():
        return
    errors = [message for check in CHECKS for message in check() if isinstance(message, Error)]
    if errors:
        sentences = " ".join(f"{error.msg} {error.hint} ({error.id})" for error in errors)
        raise ImproperlyConfigured(f"This is not fit for production. {sentences}")


def _is_demo() -> bool:
    return (settings.DATA_DIR / "platform.env").exists() and not settings.HTTPS


def _is_local_debugging() -> bool:
    return settings.DEBUG and set(settings.ALLOWED_HOSTS) <= LOCAL_NAMES


def broker_account() -> list[CheckMessage]:
    missing = [name for name in ("MQTT_USERNAME", "MQTT_PASSWORD") if not getattr(settings, name)]
    if not missing:
        return []
    return [
        Error(
            f"{' and '.join(missing)} not set: the server needs its own account at the MQTT broker.",
            hint="Choose a name and a long random password; `manage.py broker_accounts` gives them to the broker.",
            id="cloudapi.E003",
        )
    ]


def weak_secrets() -> list[CheckMessage]:
    weak = [name for name, value in _values().items() if value and not _looks_random(name, value)]
    return [
        Error(
            f"{name} looks like a placeholder: it is short, simple or a word that others use too.",
            hint="Make each secret with  python3 -c 'import secrets; print(secrets.token_urlsafe(64))'",
            id="cloudapi.E024",
        )
        for name in weak
    ]


def shared_secrets() -> list[CheckMessage]:
    values = [(name, value) for name, value in _values().items() if value]
    return [
        Error(
            f"{name} is the same as {other}: who learns one has both.",
            hint="Give each its own.",
            id="cloudapi.E025",
        )
        for position, (name, value) in enumerate(values)
        for other, same in values[:position]
        if value == same
    ]


def _values() -> dict[str, str]:
    return {
        "SECRET_KEY": settings.SECRET_KEY,
        "MQTT_PASSWORD": settings.MQTT_PASSWORD,
        "EMQX_HTTP_SECRET": settings.EMQX_HTTP_SECRET,
        "The password in REDIS_URL": unquote(urlsplit(settings.REDIS_URL).password or ""),
        "The password in DATABASE_URL": str(settings.DATABASES["default"].get("PASSWORD") or ""),
    }


def _looks_random(name: str, value: str) -> bool:
    if value.startswith("django-insecure-") or value == settings.MQTT_USERNAME:
        return False
    if name == "SECRET_KEY" and len(value) < 50:
        return False
    return len(value) >= LEAST_CHARACTERS and len(set(value)) >= LEAST_DIFFERENT


def demo_data() -> list[CheckMessage]:
    if not (settings.DATA_DIR / "platform.env").exists():
        return []
    return [
        Error(
            f"DATA_DIR {settings.DATA_DIR} belongs to a demo: `make run` has written its platform.env.",
            hint="Give the production its own DATA_DIR; the demo's accounts and passwords must not get there.",
            id="cloudapi.E010",
        )
    ]


def valkey_password() -> list[CheckMessage]:
    if urlsplit(settings.REDIS_URL).password:
        return []
    return [
        Warning(
            "REDIS_URL has no password: whoever reaches that server can read live state and start tasks.",
            hint="Set `requirepass` in Valkey and put the password into REDIS_URL.",
            id="cloudapi.W013",
        )
    ]


def debug() -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [
        Error(
            "DEBUG is on, so error pages show settings and source to everyone.",
            hint="Unset DEBUG.",
            id="cloudapi.E015",
        )
    ]


CHECKS = (encryption_key, broker_account, weak_secrets, shared_secrets, demo_data, valkey_password, debug)
