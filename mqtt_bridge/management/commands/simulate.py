"""`manage.py simulate dock|controller|pilot|fleet`: devices that connect to the platform, from outside."""

import asyncio
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mqtt_bridge.management import simulated_device, simulated_fleet
from mqtt_bridge.simulator.cloud import PlatformRefused, TokenEnded, Unreachable
from mqtt_bridge.simulator.dock import Dock
from mqtt_bridge.simulator.endpoint import CredentialsRefused
from mqtt_bridge.simulator.running import run_until_stopped


class Command(BaseCommand):
    help = "Simulates a dock, a controller, DJI Pilot 2 or a whole fleet: real MQTT and HTTP, with the results."
    # A device has neither the platform's database nor a reason to wait for it.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="dock|controller|pilot|fleet")
        simulated_device.add_parsers(kinds)
        simulated_fleet.add_parser(kinds)

    def handle(self, *args: Any, **options: Any) -> None:
        def say(text: str) -> None:
            name = f" {options.get('callsign') or options['sn']}" if "sn" in options else ""
            self.stdout.write(f"{datetime.now().astimezone():%H:%M:%S} {options['kind']}{name}: {text}")
            self.stdout.flush()

        if options["kind"] == "fleet":
            simulated_fleet.handle(options, say)
            return
        try:
            make = simulated_device.make(options)
        except ValueError as error:
            raise CommandError(str(error)) from None
        try:
            device = asyncio.run(run_until_stopped(lambda: make(say), options["duration"]))
        except CredentialsRefused as refusal:
            broker = f"{options['host']}:{options['port']}"
            raise CommandError(
                f"The broker at {broker} refuses the user {options['username'] or '(none)'} ({refusal}): "
                "check --username and --password."
            ) from None
        except (PlatformRefused, TokenEnded, Unreachable) as ended:
            raise CommandError(str(ended)) from None
        say("stopped")
        if isinstance(device, Dock) and device.refusal:
            raise CommandError(f"The dock is not bound: {device.refusal}.")
