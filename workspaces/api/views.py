"""Workspace and members."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cloudapi.dji import pagination
from workspaces.api import schemas
from workspaces.api.auth import workspace_of
from workspaces.models import Membership, Role


class CurrentWorkspace(APIView):
    @extend_schema(responses=schemas.WorkspaceSchema)
    def get(self, request: Request) -> Response:
        """The workspace of the token. `bind_code` is empty: codes are stored hashed and shown once."""
        workspace = workspace_of(request)
        return Response(
            {
                "id": workspace.pk,
                "workspace_id": str(workspace.workspace_id),
                "workspace_name": workspace.name,
                "workspace_desc": workspace.description,
                "platform_name": settings.PLATFORM_NAME,
                "bind_code": "",
            }
        )


class Members(APIView):
    @extend_schema(parameters=schemas.PAGE, responses=schemas.MemberPageSchema)
    def get(self, request: Request, workspace_id: str) -> Response:
        """The members of the workspace, a page at a time."""
        workspace = workspace_of(request, workspace_id)
        rows = Membership.objects.in_workspace(workspace).select_related("user").order_by("user__username")
        members, page = pagination.page(request, rows)
        return Response({"list": [_member(member, workspace.name) for member in members], "pagination": page})


def _member(membership: Membership, workspace_name: str) -> dict[str, Any]:
    user = membership.user
    return {
        "user_id": str(user.user_id),
        "username": user.username,
        "workspace_name": workspace_name,
        "user_type": "Pilot" if membership.role == Role.PILOT else "Web",
        "mqtt_username": "",
        "mqtt_password": "",
        "create_time": timezone.localtime(membership.created_at).strftime("%Y-%m-%d %H:%M:%S"),
    }
