"""What the platform knows about one device."""

from datetime import datetime
from typing import Any

import redis
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from devices import heard
from devices.models import Device
from workspaces.management.output import ResultCommand


class Command(ResultCommand):
    help = "Shows whose a device is, and whether it is online."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("sn", metavar="SN")

    def result(self, *, sn: str, **_options: Any) -> dict[str, Any]:
        device = Device.objects.unscoped().filter(sn=sn).select_related("workspace__organization", "gateway").first()
        if device is None:
            raise CommandError(f"No device with the serial number {sn!r} is known.")
        workspace = device.workspace
        last_seen_at = self._last_seen(device)
        return {
            "sn": device.sn,
            "model_key": device.model_key or None,
            "kind": device.kind,
            "workspace_id": str(workspace.workspace_id) if workspace else None,
            "organization_id": workspace.organization.organization_id if workspace else None,
            "bound": workspace is not None,
            "online": device.online,
            "offline_reason": device.offline_reason or None,
            "gateway_sn": device.gateway.sn if device.gateway else None,
            "callsign": device.callsign or None,
            "last_seen_at": timezone.localtime(last_seen_at).isoformat() if last_seen_at else None,
        }

    def _last_seen(self, device: Device) -> datetime | None:
        try:
            milliseconds = heard.last_seen([device.sn]).get(device.sn)
        except redis.RedisError as error:
            self.stderr.write(f"Valkey does not answer ({error}); last_seen_at is the stored one.")
            return device.last_seen_at
        return device.last_seen_at if milliseconds is None else heard.moment(milliseconds)
