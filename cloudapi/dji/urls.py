"""The DJI-compatible paths. A workspace may be empty or `null`: clients send that right after their first log-in."""

from django.urls import URLPattern, re_path
from rest_framework.views import APIView

from cloudapi.dji.cors import allow_any_origin
from cloudapi.dji.paths import PATTERN, not_offered
from devices.api import views as devices
from mqtt_bridge.api import accounts, binding
from workspaces.api import views as workspaces

WORKSPACE = r"(?P<workspace_id>[^/]*)"
SN = r"(?P<sn>[^/]+)"


def _route(path: str, view: type[APIView]) -> URLPattern:
    return re_path(rf"^manage/api/v1/{path}/?$", allow_any_origin(view.as_view()), name=f"dji-{view.__name__}")


urlpatterns = [
    _route("login", accounts.Login),
    _route("logout", accounts.Logout),
    _route("token/refresh", accounts.RefreshToken),
    _route("users/current", accounts.CurrentUser),
    _route("users/current/mqtt", accounts.ControllerAccount),
    _route("pilot/license", accounts.License),
    _route("workspaces/current", workspaces.CurrentWorkspace),
    _route(f"users/{WORKSPACE}/users", workspaces.Members),
    _route(f"devices/{WORKSPACE}/devices", devices.Gateways),
    _route(f"devices/{WORKSPACE}/devices/bound", devices.BoundDevices),
    _route(f"devices/{WORKSPACE}/devices/{SN}", devices.OneDevice),
    _route(f"devices/{SN}/binding", binding.BindDevice),
    _route(f"devices/{SN}/unbinding", devices.UnbindDevice),
    _route(f"workspaces/{WORKSPACE}/devices/topologies", devices.Topologies),
    re_path(PATTERN, not_offered, name="dji-not_offered"),
]
