"""The operator's console: one page per workspace. What it shows arrives by WebSocket (`devices/consumers.py`).

The timeline of a device is asked for when somebody looks at the device.
"""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices import heard, story
from devices.console_text import console_text
from devices.models import Device
from devices.sn import is_sn
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
                "socket_path": f"/ws/workspaces/{workspace.workspace_id}/?detail=summary",
                "devices_path": f"{request.path}devices/",
                "urls": {"home": reverse("home"), "login": f"{reverse('login')}?next={request.path}"},
                **console_text(),
            },
        },
    )


@require_safe
@never_cache
@login_required
def device_timeline(request: HttpRequest, workspace_id: UUID, sn: str) -> JsonResponse:
    """The story of a device, the newest first, in the language of the request; 404 for those who may not see it."""
    workspace = get_object_or_404(Workspace.objects.for_user(request.user), workspace_id=workspace_id)
    if not is_sn(sn):
        raise Http404
    device = get_object_or_404(Device.objects.in_workspace(workspace), sn=sn)
    lines = [
        {
            "since": heard.milliseconds(line.since),
            "until": heard.milliseconds(line.until),
            "event": line.event,
            "count": line.count,
            "text": line.text,
        }
        for line in story.for_workspace(device, workspace)
    ]
    return JsonResponse({"sn": device.sn, "lines": lines})
