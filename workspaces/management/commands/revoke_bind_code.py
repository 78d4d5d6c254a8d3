"""Withdraws a device binding code."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from workspaces import services
from workspaces.management.output import ResultCommand


class Command(ResultCommand):
    help = "Revokes a device binding code. Docks that joined with it stay bound."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("code", metavar="CODE")

    def result(self, *, code: str, **_options: Any) -> dict[str, Any]:
        bind_code = services.find_bind_code(code)
        if bind_code is None:
            raise CommandError("There is no such bind code.")
        revoked_at = services.revoke_bind_code(bind_code=bind_code)
        return {
            "bind_code": str(bind_code),
            "organization_id": bind_code.workspace.organization.organization_id,
            "workspace_id": str(bind_code.workspace.workspace_id),
            "docks_bound": bind_code.used_docks,
            "revoked_at": timezone.localtime(revoked_at).isoformat(),
        }
