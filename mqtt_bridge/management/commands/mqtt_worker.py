"""`manage.py mqtt_worker`: consume the broker's topics until SIGTERM or SIGINT."""

import json
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cloudapi.checks import secrets
from mqtt_bridge import counters, registry
from mqtt_bridge.broker_access import BrokerAccessError, BrokerUnreachable
from mqtt_bridge.session import CredentialsRefused
from mqtt_bridge.worker import ALIVE_KEY, Worker


class Command(BaseCommand):
    help = "Consume the broker's topics: requests and topology go to Celery, OSD and state to the live state."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--routes", action="store_true", help="print which messages are handled where, and end")
        parser.add_argument("--status", action="store_true", help="print the counts of a running worker, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["routes"]:
            for kind, method, runs, handler in registry.table():
                self.stdout.write(f"{kind:<20} {method:<28} {runs:<8} {handler}")
            return
        if options["status"]:
            self._print_status()
            return
        secrets.refuse()
        worker = Worker()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_args: worker.stop.set())
        try:
            worker.wait_for_database()
            self._bring_accounts_in_line(worker)
            worker.run()
        except CredentialsRefused as refusal:
            raise CommandError(
                f"The broker at {settings.MQTT_HOST}:{settings.MQTT_PORT} refuses the server's own account: {refusal}. "
                "Check MQTT_USERNAME and MQTT_PASSWORD."
            ) from refusal

    def _bring_accounts_in_line(self, worker: Worker) -> None:
        try:
            worker.keeper.reconcile()
        except BrokerUnreachable as error:
            # It reads all accounts when it starts, and the worker's sessions wait for it.
            self.stderr.write(f"{error} The worker waits for it.")
        except BrokerAccessError as error:
            raise CommandError(f"{error} Check MQTT_USERNAME and MQTT_PASSWORD.") from error

    def _print_status(self) -> None:
        from cloudapi.valkey import client

        alive = client().get(ALIVE_KEY)
        worker = json.loads(alive) if alive else None
        self.stdout.write(json.dumps({"worker": worker, **counters.all_counts()}, indent=2))
