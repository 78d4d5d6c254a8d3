"""Settings that make no sense anywhere, also on a laptop."""

import math
import os
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error

from cloudapi.checks.brokers import broker, broker_tls, emqx
from cloudapi.checks.encryption import encryption_keys

SECRET_KEY_LENGTH = 50
MQTT_SCHEMES = ("tcp", "ssl", "ws", "wss")
#: From, to, and the id of the error.
RANGES = {
    # At most four deltas a second reach a browser; above some seconds, "live" would be a wrong word.
    "LIVE_TICK_SECONDS": (0.25, 10.0, "cloudapi.E007"),
    # Nothing is shown wrongly for more than 35 seconds.
    "LIVE_LOOK_SECONDS": (1.0, 30.0, "cloudapi.E027"),
    "OFFLINE_AFTER_SECONDS": (1.0, 3600.0, "cloudapi.E008"),
    "TIMELINE_DAYS": (1.0, 3650.0, "cloudapi.E016"),
    "TOKEN_HOURS": (0.01, 8760.0, "cloudapi.E027"),
    "TOKEN_CHECK_SECONDS": (0.1, 5.0, "cloudapi.E027"),
    "PILOT_OSD_SECONDS": (0.1, 60.0, "cloudapi.E027"),
    "STATE_SECONDS": (1.0, 300.0, "cloudapi.E027"),
    "HISTORY_SECONDS": (0.0, 86_400.0, "cloudapi.E027"),
    "HISTORY_DAYS": (1, 3650, "cloudapi.E027"),
    "SLOW_SOCKET_SECONDS": (1.0, 300.0, "cloudapi.E027"),
    "CELERY_WORKER_CONCURRENCY": (1, 256, "cloudapi.E027"),
    "HTTP_MAX_BODY": (65_536, 104_857_600, "cloudapi.E027"),
    "SOCKETS_PER_USER": (1, 100_000, "cloudapi.E027"),
    "SOCKETS_PER_WORKSPACE": (1, 100_000, "cloudapi.E027"),
    "SESSION_HOURS": (0.02, 8760.0, "cloudapi.E027"),
    "MQTT_MAX_PAYLOAD": (1024, 8_388_608, "cloudapi.E027"),
}
#: The variable of a setting that is called otherwise.
VARIABLES = {"CELERY_WORKER_CONCURRENCY": "CELERY_CONCURRENCY"}


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


def redis_url() -> list[CheckMessage]:
    if _is_redis(settings.REDIS_URL):
        return []
    return [
        Error(
            "REDIS_URL is not the address of a Valkey or Redis server.",  # the value may hold its password
            hint="It looks like redis://:password@host:6379/0, or rediss:// for TLS.",
            id="cloudapi.E005",
        )
    ]


def _is_redis(address: str) -> bool:
    try:
        url = urlsplit(address)
        return url.scheme in {"redis", "rediss"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def public_url() -> list[CheckMessage]:
    if _is_web_address(settings.PUBLIC_URL):
        return []
    return [
        Error(
            f"PUBLIC_URL is {settings.PUBLIC_URL!r}, which is not a web address.",
            hint="Give the address that browsers and Pilot use, with its scheme: https://cloudapi.example.com",
            id="cloudapi.E006",
        )
    ]


def _is_web_address(address: str) -> bool:
    try:
        url = urlsplit(address)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def mqtt_scheme() -> list[CheckMessage]:
    if settings.MQTT_PUBLIC_SCHEME in MQTT_SCHEMES:
        return []
    return [
        Error(
            f"MQTT_PUBLIC_SCHEME is {settings.MQTT_PUBLIC_SCHEME!r}, which no controller understands.",
            hint=f"It is one of {', '.join(MQTT_SCHEMES)}.",
            id="cloudapi.E026",
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


def ranges() -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for name, (least, most, identity) in RANGES.items():
        value = getattr(settings, name)
        name = VARIABLES.get(name, name)
        if math.isnan(value) or not least <= value <= most:
            unit = name.rpartition("_")[2].lower()
            of_what = f" {unit}" if unit in {"seconds", "days", "hours"} else ""
            messages.append(
                Error(
                    f"{name} is {value:g}, but must be from {least:g} to {most:g}{of_what}.",
                    hint=f"Unset {name} for its default.",
                    id=identity,
                )
            )
    return messages


CHECKS = (
    secret_key,
    encryption_keys,
    data_dir,
    broker,
    emqx,
    broker_tls,
    redis_url,
    public_url,
    mqtt_scheme,
    ports,
    ranges,
)
