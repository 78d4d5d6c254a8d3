"""The broker of last resort: amqtt, in this process."""

import asyncio
from typing import Any

from amqtt.errors import AMQTTError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mqtt_bridge.broker_access import amqtt_server


class Command(BaseCommand):
    help = (
        "Runs the amqtt broker on MQTT_HOST and MQTT_PORT, with the accounts of this platform. "
        "It speaks MQTT 3.1.1 only and is for trying things out; use Mosquitto for real devices."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.MQTT_HOST, help="address to listen on (MQTT_HOST)")
        parser.add_argument("--port", type=int, default=settings.MQTT_PORT, help="port to listen on (MQTT_PORT)")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        if not settings.MQTT_USERNAME or not settings.MQTT_PASSWORD:
            raise CommandError("MQTT_USERNAME and MQTT_PASSWORD are not set: the server needs its own broker account.")
        host, port = options["host"], options["port"]
        self.stderr.write(f"amqtt listens on {host}:{port}. It speaks MQTT 3.1.1 only and is for trying things out.")
        try:
            asyncio.run(amqtt_server.run(host=host, port=port))
        except AMQTTError as error:
            raise CommandError(str(error)) from error
