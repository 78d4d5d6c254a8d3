"""The broker: which one, and what it needs."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

BROKERS = ("dynsec", "emqx", "amqtt")
#: EMQX's secret is sent over HTTP and may be guessed at by whoever reaches the port.
EMQX_SECRET_LENGTH = 32


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
