"""Brings the broker's accounts in line with the database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mqtt_bridge import broker_access
from mqtt_bridge.broker_access import dynsec_file


class Command(BaseCommand):
    help = "Writes the accounts of all gateways for Mosquitto's dynamic security, or mends those of a running broker."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--write", type=Path, metavar="PATH", help="write the file that a stopped Mosquitto will start with"
        )
        what.add_argument(
            "--reconcile", action="store_true", help="create, change and remove accounts in the running broker"
        )

    def handle(self, *_arguments: Any, write: Path | None, **_options: Any) -> None:
        try:
            if write is not None:
                self.stdout.write(f"{write}: the server's account and {dynsec_file.write(write)} gateways.")
            else:
                changes = broker_access.reconcile()
                self.stdout.write(
                    f"Created {len(changes.created)}, changed {len(changes.changed)}, "
                    f"removed {len(changes.removed)} accounts."
                )
        except (broker_access.BrokerAccessError, OSError) as error:
            raise CommandError(str(error)) from error
