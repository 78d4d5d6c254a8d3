"""Mosquitto's listeners with TLS, from the settings: what `manage.py broker_tls` writes for deploy/mosquitto.conf.

Options: https://mosquitto.org/man/mosquitto-conf-5.html, "Certificate based SSL/TLS support". Tried with 2.0.11.
"""

from django.conf import settings

from mqtt_bridge.device_ca import files


def render(address: str = "") -> str:
    """The listeners, to be included last; nothing without MQTT_TLS_CERT. The files of the device CA must exist.

    Args:
        address: the address of this machine to listen on; "" for all.
    """
    if not settings.MQTT_TLS_CERT:
        return "# MQTT_TLS_CERT is not set: no TLS.\n"
    by_password, by_certificate = settings.MQTT_TLS_PORT, settings.MQTT_CLIENT_AUTH_PORT
    lines = [] if by_password == by_certificate else _listener(by_password, address)
    if by_certificate:
        lines += [*_listener(by_certificate, address), *_client_certificates()]
    return "\n".join(lines) + "\n"


def _listener(port: int, address: str) -> list[str]:
    return [
        f"listener {port} {address}".rstrip(),
        f"certfile {settings.MQTT_TLS_CERT}",
        f"keyfile {settings.MQTT_TLS_KEY}",
        "tls_version tlsv1.2",  # the least; 1.3 is spoken with those who can
    ]


def _client_certificates() -> list[str]:
    """The certificate's CN, a gateway's SN, is the account: dynamic security gives it the rights of that name."""
    return [
        f"cafile {files.certificate()}",
        f"crlfile {files.crl()}",
        "require_certificate true",
        "use_identity_as_username true",
        # Otherwise whoever has any certificate ends another's session by taking its client id, also the server's.
        "use_username_as_clientid true",
    ]
