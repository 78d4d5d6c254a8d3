"""The operator's console: one page per workspace. What it shows arrives by WebSocket (`devices/consumers.py`)."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.console_text import console_text
from workspaces.models import Workspace


@require_safe
@never_cache
@login_required
def workspace_console(request: HttpRequest, workspace_id: UUID) -> HttpResponse:
    """The live topology of a workspace; 404 for those who are not its members."""
    workspaces = Workspace.objects.for_user(request.user)
    workspace = get_object_or_404(workspaces.select_related("organization"), workspace_id=workspace_id)
    return render(
        request,
        "devices/console.html",
        {
            "workspace": workspace,
            "several_workspaces": workspaces.count() > 1,
            "gateway_address": f"{settings.MQTT_PUBLIC_SCHEME}://"
            f"{settings.MQTT_PUBLIC_HOST}:{settings.MQTT_PUBLIC_PORT}",
            "console": {
                "socket_path": f"/ws/workspaces/{workspace.workspace_id}/",
                "urls": {"home": reverse("home"), "login": f"{reverse('login')}?next={request.path}"},
                **console_text(),
            },
        },
    )
