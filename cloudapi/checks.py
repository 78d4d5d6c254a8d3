"""System checks: a wrong setting becomes a sentence with an id. `manage.py check --deploy` asks the strict ones too."""

import math
import os
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

BROKERS = ("dynsec", "emqx", "amqtt")
#: EMQX's secret is sent over HTTP and may be guessed at by whoever reaches the port.
EMQX_SECRET_LENGTH = 32
SECRET_KEY_LENGTH = 50
#: At most four deltas a second reach a browser; above some seconds, "live" would be a wrong word.
LIVE_TICK_RANGE = (0.25, 10.0)
OFFLINE_AFTER_RANGE = (1.0, 3600.0)
TIMELINE_RANGE = (1.0, 3650.0)

NEW_KEY_HINT = (
    "A key is 32 random bytes in base64: "
    "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)

AppConfigs = Sequence[AppConfig] | None


@register(Tags.compatibility)
def always(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """What is wrong anywhere, also on a laptop."""
    checks: tuple[Callable[[], list[CheckMessage]], ...] = (
        secret_key, encryption_keys, data_dir, broker, emqx, broker_tls, redis_url, public_url, ports, times,
    )  # fmt: skip
    return [message for check in checks for message in check()]


@register(Tags.security, deploy=True)
def in_production(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """What is good enough for trying out, and not for the internet."""
    checks: tuple[Callable[[], list[CheckMessage]], ...] = (
        encryption_key, broker_account, demo_data, broker_of_last_resort, emqx_sessions, plain_http, valkey_password,
        host_names, debug,
    )  # fmt: skip
    return [message for check in checks for message in check()]


def secret_key() -> list[CheckMessage]:
    if len(settings.SECRET_KEY) >= SECRET_KEY_LENGTH or settings.DEBUG:
        return []
    return [
        Error(
            f"SECRET_KEY has {len(settings.SECRET_KEY)} characters, and sessions and MQTT passwords depend on it.",
            hint=f"Use at least {SECRET_KEY_LENGTH} random characters: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(64))'",
            id="cloudapi.E001",
        )
    ]


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


def data_dir() -> list[CheckMessage]:
    is_sqlite = settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
    if not is_sqlite or os.access(settings.DATA_DIR, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"DATA_DIR {settings.DATA_DIR} cannot be written, and the SQLite database is there.",
            hint="Make the directory writable for this user, set DATA_DIR, or use PostgreSQL by DATABASE_URL.",
            id="cloudapi.E002",
        )
    ]


def broker() -> list[CheckMessage]:
    if settings.MQTT_BROKER in BROKERS:
        return []
    return [
        Error(
            f"MQTT_BROKER is {settings.MQTT_BROKER!r}, which is not known.",
            hint="dynsec is Mosquitto with its dynamic security plugin, emqx is EMQX, amqtt is the broker of the demo.",
            id="cloudapi.E004",
        )
    ]


def emqx() -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if settings.MQTT_BROKER != "emqx":
        return messages
    if len(settings.EMQX_HTTP_SECRET) < EMQX_SECRET_LENGTH:
        messages.append(
            Error(
                "EMQX_HTTP_SECRET is not set, or too short: without it EMQX's questions are not answered.",
                hint=f"Use at least {EMQX_SECRET_LENGTH} random characters, here and in EMQX (deploy/emqx/base.hocon).",
                id="cloudapi.E021",
            )
        )
    url = urlsplit(settings.EMQX_API_URL)
    if settings.EMQX_API_URL and not (url.scheme in {"http", "https"} and url.hostname):
        messages.append(
            Error(
                f"EMQX_API_URL is {settings.EMQX_API_URL!r}, which is not a web address.",
                hint="It looks like http://emqx:18083",
                id="cloudapi.E022",
            )
        )
    return messages


def emqx_sessions() -> list[CheckMessage]:
    names = ("EMQX_API_URL", "EMQX_API_KEY", "EMQX_API_SECRET")
    missing = [name for name in names if not getattr(settings, name)]
    if settings.MQTT_BROKER != "emqx" or not missing:
        return []
    return [
        Warning(
            f"{' and '.join(missing)} not set, so sessions at EMQX outlive the accounts that they were opened with.",
            hint="Make an API key in EMQX (docs/deploy.md) and set all three.",
            id="cloudapi.W023",
        )
    ]


def redis_url() -> list[CheckMessage]:
    url = urlsplit(settings.REDIS_URL)
    if url.scheme in {"redis", "rediss"} and url.hostname:
        return []
    return [
        Error(
            "REDIS_URL is not the address of a Valkey or Redis server.",  # the value may hold its password
            hint="It looks like redis://:password@host:6379/0, or rediss:// for TLS.",
            id="cloudapi.E005",
        )
    ]


def public_url() -> list[CheckMessage]:
    url = urlsplit(settings.PUBLIC_URL)
    if url.scheme in {"http", "https"} and url.hostname:
        return []
    return [
        Error(
            f"PUBLIC_URL is {settings.PUBLIC_URL!r}, which is not a web address.",
            hint="Give the address that browsers and Pilot use, with its scheme: https://cloudapi.example.com",
            id="cloudapi.E006",
        )
    ]


def ports() -> list[CheckMessage]:
    return [
        Error(
            f"{name} is {getattr(settings, name)}, but a port is a number from 1 to 65535.",
            hint=f"Set {name}, or unset it for its default.",
            id="cloudapi.E009",
        )
        for name in ("HTTP_PORT", "MQTT_PORT", "MQTT_PUBLIC_PORT", "MQTT_TLS_PORT")
        if not 1 <= getattr(settings, name) <= 65535
    ]


def broker_tls() -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if bool(settings.MQTT_TLS_CERT) != bool(settings.MQTT_TLS_KEY):
        messages.append(
            Error(
                "Only one of MQTT_TLS_CERT and MQTT_TLS_KEY is set.",
                hint="They are the broker's certificate with its chain, and its key: set both or none.",
                id="cloudapi.E019",
            )
        )
    if settings.MQTT_CLIENT_AUTH_PORT and not settings.MQTT_TLS_CERT:
        messages.append(
            Error(
                "MQTT_CLIENT_AUTH_PORT asks for client certificates, but the broker has none of its own.",
                hint="Set MQTT_TLS_CERT and MQTT_TLS_KEY, or unset MQTT_CLIENT_AUTH_PORT.",
                id="cloudapi.E020",
            )
        )
    return messages


def times() -> list[CheckMessage]:
    ranges = {
        "LIVE_TICK_SECONDS": (LIVE_TICK_RANGE, "cloudapi.E007"),
        "OFFLINE_AFTER_SECONDS": (OFFLINE_AFTER_RANGE, "cloudapi.E008"),
        "TIMELINE_DAYS": (TIMELINE_RANGE, "cloudapi.E016"),
    }
    messages: list[CheckMessage] = []
    for name, ((least, most), identity) in ranges.items():
        value = getattr(settings, name)
        if math.isnan(value) or not least <= value <= most:
            messages.append(
                Error(
                    f"{name} is {value:g}, but must be from {least:g} to {most:g} {name.rpartition('_')[2].lower()}.",
                    hint=f"Unset {name} for its default.",
                    id=identity,
                )
            )
    return messages


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


def broker_of_last_resort() -> list[CheckMessage]:
    if settings.MQTT_BROKER != "amqtt":
        return []
    return [
        Error(
            "MQTT_BROKER is amqtt, which speaks MQTT 3.1.1 only and is for trying things out.",
            hint="Install Mosquitto and set MQTT_BROKER=dynsec.",
            id="cloudapi.E011",
        )
    ]


def plain_http() -> list[CheckMessage]:
    if settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Warning(
            f"PUBLIC_URL {settings.PUBLIC_URL} is not https, so passwords and sessions travel in the clear.",
            hint="Put a TLS proxy in front (BEHIND_PROXY=1) and give its https:// address.",
            id="cloudapi.W012",
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


def host_names() -> list[CheckMessage]:
    names = set(settings.ALLOWED_HOSTS)
    if "*" not in names and not names <= {"localhost", "127.0.0.1", "[::1]"}:
        return []
    return [
        Warning(
            f"ALLOWED_HOSTS is {','.join(settings.ALLOWED_HOSTS)}: "
            + ("every name is accepted." if "*" in names else "browsers elsewhere get an error."),
            hint="List the names under which browsers and Pilot reach this server.",
            id="cloudapi.W014",
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
