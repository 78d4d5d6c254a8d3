"""A device binding code for a workspace."""

import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from workspaces import services
from workspaces.management.output import ResultCommand, workspace_by_id

_MAX_HOURS = 10 * 365 * 24


class Command(ResultCommand):
    help = "Issues a device binding code, with which docks join a workspace. It is shown only now."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--workspace", required=True, metavar="ID", help="workspace ID (a UUID)")
        parser.add_argument("--docks", type=int, default=1, metavar="N", help="how many docks may join (1)")
        parser.add_argument("--hours", type=_hours, default=72.0, metavar="H", help="valid for this long (72)")

    def result(self, *, workspace: str, docks: int, hours: float, **_options: Any) -> dict[str, Any]:
        issued = services.issue_bind_code(
            workspace=workspace_by_id(workspace),
            max_docks=docks,
            expires_at=timezone.now() + timedelta(hours=hours),
        )
        owner = issued.bind_code.workspace
        return {
            "bind_code": issued.code,
            "organization_id": owner.organization.organization_id,
            "workspace_id": str(owner.workspace_id),
            "expires_at": timezone.localtime(issued.bind_code.expires_at).isoformat(),
            "docks": issued.bind_code.max_docks,
        }


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= _MAX_HOURS:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MAX_HOURS} hours")
    return hours
