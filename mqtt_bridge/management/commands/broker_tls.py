"""Mosquitto's listeners with TLS."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mqtt_bridge import broker_tls
from mqtt_bridge.device_ca import files, issuing
from mqtt_bridge.device_ca.authority import CertificateError


class Command(BaseCommand):
    help = (
        "Writes Mosquitto's TLS listeners as MQTT_TLS_CERT, MQTT_TLS_KEY, MQTT_TLS_PORT and MQTT_CLIENT_AUTH_PORT say, "
        "for the include_dir of deploy/mosquitto.conf. Makes the device CA if client certificates are asked for."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", type=Path, metavar="PATH", required=True, help="a file that ends in .conf")
        parser.add_argument("--address", default="", help="of this machine, to listen on; default: all")

    def handle(self, *_arguments: Any, write: Path, address: str, **_options: Any) -> None:
        try:
            if settings.MQTT_CLIENT_AUTH_PORT:
                issuing.initialize()
            files.write(write, broker_tls.render(address).encode(), mode=0o644)
        except (CertificateError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{write}: {'TLS' if settings.MQTT_TLS_CERT else 'no TLS'}")
