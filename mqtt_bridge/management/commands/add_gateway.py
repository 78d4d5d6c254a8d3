"""Broker accounts for docks and controllers."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from mqtt_bridge import broker_access, controllers, gateways
from mqtt_bridge.gateways import AddedGateway
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
        parser.add_argument(
            "--code-hours", type=float, metavar="72", help="also issue a bind code for each, valid for so many hours"
        )

    def result(
        self, *, sns: Sequence[str], model: str, workspace: str, code_hours: float | None, **_options: Any
    ) -> dict[str, Any]:
        until = timezone.now() + timedelta(hours=code_hours) if code_hours is not None else None
        added = gateways.add(sns=sns, workspace=workspace_by_id(workspace), model_key=model, code_until=until)
        try:
            broker_access.put([gateway.credential for gateway in added])
        except broker_access.BrokerUnreachable as error:
            self.stderr.write(f"{error} The accounts will work once it is started again.")
        except broker_access.BrokerAccessError as error:
            raise CommandError(f"The accounts are stored, but do not work yet. {error}") from error
        return {"gateways": [{"model_key": model, **_values(gateway)} for gateway in added]}


def _values(gateway: AddedGateway) -> dict[str, Any]:
    credential, issued = gateway.credential, gateway.bind_code
    values = {
        "sn": credential.gateway_sn,
        "gateway_address": controllers.address(),
        "mqtt_host": settings.MQTT_PUBLIC_HOST,
        "mqtt_port": settings.MQTT_PUBLIC_PORT,
        "mqtt_username": credential.username,
        "mqtt_password": credential.password,
        "organization_id": credential.workspace.organization.organization_id,
    }
    if issued is not None:
        values |= {"bind_code": issued.code, "bind_code_expires_at": issued.bind_code.expires_at.isoformat()}
    return values
