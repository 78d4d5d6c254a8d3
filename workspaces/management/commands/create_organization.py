"""A new tenant."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from workspaces import services
from workspaces.management.output import ResultCommand


class Command(ResultCommand):
    help = "Creates an organization with its first workspace."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--with-users",
            action="store_true",
            help="also create an admin, an operator, a pilot and a viewer; their passwords are shown only now",
        )

    @transaction.atomic
    def result(self, *, name: str, with_users: bool, **_options: Any) -> dict[str, Any]:
        workspace = services.create_organization(name=name)
        members = services.create_members(workspace=workspace) if with_users else []
        return {
            "organization_id": workspace.organization.organization_id,
            "organization_name": workspace.organization.name,
            "workspace_id": str(workspace.workspace_id),
            "workspace_name": workspace.name,
            "users": [
                {"username": member.username, "password": member.password, "role": member.role.value}
                for member in members
            ],
        }
