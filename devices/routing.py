"""WebSocket URLs."""

from typing import Any

from django.urls import path, re_path

from devices.consumers import WorkspaceConsumer
from devices.dji_socket import DjiConsumer
from workspaces.socket_origin import own_pages_only


async def _refuse(_scope: Any, receive: Any, send: Any) -> None:
    """Unknown paths are refused like forbidden ones; the router would raise, and fill the log with tracebacks."""
    await receive()
    await send({"type": "websocket.close"})


#: Django's URL functions are typed for views, channels gives them ASGI applications.
refuse: Any = _refuse

websocket_urlpatterns = [
    path("ws/workspaces/<uuid:workspace_id>/", own_pages_only(WorkspaceConsumer.as_asgi())),
    # By token only, which a page of another site cannot have: web clients of the Cloud API run on other origins.
    re_path(r"^/*api/v1/ws/?$", DjiConsumer.as_asgi()),
    re_path("", refuse),
]
