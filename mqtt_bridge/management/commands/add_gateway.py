"""Broker accounts for docks and controllers."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from mqtt_bridge import broker_access, controllers, credentials
from workspaces.management.output import ResultCommand, workspace_by_id


class Command(ResultCommand):
    help = (
        "Gives docks and controllers an MQTT account, or a new password if they have one. They are not bound by this. "
        "The accounts work when the command returns."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("sns", nargs="+", metavar="SN")
        parser.add_argument("--model", required=True, metavar="3-2-0", help="model key: domain-type-sub_type")
        parser.add_argument("--workspace", required=True, metavar="ID", help="workspace ID (a UUID)")

    def result(self, *, sns: Sequence[str], model: str, workspace: str, **_options: Any) -> dict[str, Any]:
        issued = credentials.issue(sns=sns, workspace=workspace_by_id(workspace), model_key=model)
        try:
            broker_access.put(issued)
        except broker_access.BrokerUnreachable as error:
            self.stderr.write(f"{error} The accounts will work once it is started again.")
        except broker_access.BrokerAccessError as error:
            raise CommandError(f"The accounts are stored, but do not work yet. {error}") from error
        return {
            "gateways": [
                {
                    "sn": credential.gateway_sn,
                    "model_key": model,
                    "gateway_address": controllers.address(),
                    "mqtt_host": settings.MQTT_PUBLIC_HOST,
                    "mqtt_port": settings.MQTT_PUBLIC_PORT,
                    "mqtt_username": credential.username,
                    "mqtt_password": credential.password,
                }
                for credential in issued
            ]
        }
