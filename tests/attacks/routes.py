"""Every HTTP route with what each outsider may get from it. A route that is not here fails the test of the routes.

A case says the answer to: anonymous, outsider (admin of another organization), foreign pilot, viewer and pilot of the
organization itself. "ok" may contain what the organization's members may see; "own" is an answer about the one who
asks, "open" one that is the same for everybody: both contain nothing of the victim for strangers. "refused" is any code
but 0.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

ACTORS = ("anonymous", "outsider", "foreign pilot", "viewer", "pilot")
OPEN = ("open",) * 5
#: Pages that members see.
PAGE = ("login", "404", "404", "ok", "ok")
#: Answers of the API that members see.
SEEN = ("401", "code -1", "code -1", "ok", "ok")
OWN = ("401", "own", "own", "own", "own")


class Case(NamedTuple):
    """`{ws}`, `{sn}`, `{away}`, `{spare}` in path and body are the victim's. `may` gets "ok" with it."""

    method: str
    path: str
    answers: tuple[str, ...]
    may: str = "admin"
    body: Any = None


_API, _DEVICES = "manage/api/v1", "/manage/api/v1/devices/{ws}/devices"
_WORKSPACE, _SN = "(?P<workspace_id>[^/]*)", "(?P<sn>[^/]+)"


def _dji(path: str) -> str:
    return rf"^{_API}/{path}/?$"


CASES: dict[str, tuple[Case, ...]] = {
    # --- pages
    "": (Case("GET", "/", ("login", "own", "own", "own", "own"), ""),),
    "login/": (Case("GET", "/login/", ("open", "own", "own", "own", "own"), ""),),
    "password/<uidb64>/<token>/": (Case("GET", "/password/MQ/set-password/", OPEN, ""),),
    "logout/": (Case("GET", "/logout/", ("405",) * 5, ""), Case("POST", "/logout/", ("403",) * 5, "")),
    "language/": (Case("POST", "/language/", ("403",) * 5, ""),),
    "pilot/": (Case("GET", "/pilot/", OPEN, ""),),
    "pilot/r/<int:stamp>/": (Case("GET", "/pilot/r/1/", OPEN, ""),),
    "pilot-login": (Case("GET", "/pilot-login", OPEN, ""),),
    "pilot-login/": (Case("GET", "/pilot-login/", OPEN, ""),),
    "workspaces/<uuid:workspace_id>/": (Case("GET", "/workspaces/{ws}/", PAGE),),
    "workspaces/<uuid:workspace_id>/devices/<str:sn>/timeline/": (
        Case("GET", "/workspaces/{ws}/devices/{sn}/timeline/", PAGE),
    ),
    "api/schema/": (Case("GET", "/api/schema/", OPEN, ""),),
    "api/docs/": (Case("GET", "/api/docs/", OPEN, ""),),
    # --- the API of Pilot and web clients
    _dji("login"): (Case("POST", f"/{_API}/login", ("code 210002",) * 5, "", {}),),
    _dji("logout"): (Case("POST", f"/{_API}/logout", ("401", "", "", "", ""), ""),),
    _dji("token/refresh"): (
        Case("POST", f"/{_API}/token/refresh", ("401", "code 401", "code 401", "ok", "ok"), "admin",
             {"workspace_id": "{ws}"}),
    ),
    _dji("users/current"): (Case("GET", f"/{_API}/users/current", OWN),),
    _dji("users/current/mqtt"): (
        Case("POST", f"/{_API}/users/current/mqtt", ("401", "code 403", "code 210232", "code 403", "code 210231"), "",
             {"gateway_sn": "{sn}"}),
    ),
    _dji("pilot/license"): (
        Case("GET", f"/{_API}/pilot/license", ("401", "code 403", "code -1", "code 403", "ok"), "pilot"),
    ),
    _dji("workspaces/current"): (Case("GET", f"/{_API}/workspaces/current", OWN),),
    _dji(f"users/{_WORKSPACE}/users"): (Case("GET", f"/{_API}/users/{{ws}}/users", SEEN),),
    _dji(f"devices/{_WORKSPACE}/devices"): (Case("GET", _DEVICES, SEEN),),
    _dji(f"devices/{_WORKSPACE}/devices/bound"): (Case("GET", _DEVICES + "/bound?page=1&page_size=50", SEEN),),
    _dji(f"devices/{_WORKSPACE}/devices/{_SN}"): (
        Case("GET", _DEVICES + "/{sn}", SEEN),
        Case("PUT", _DEVICES + "/{away}", ("401", "code -1", "code -1", "code 403", "code 403"), "operator",
             {"nickname": "renamed"}),
    ),
    _dji(f"devices/{_SN}/binding"): (
        Case("POST", f"/{_API}/devices/{{sn}}/binding",
             ("401", "code 210232", "code 210232", "code 403", "refused"), ""),
    ),
    _dji(f"devices/{_SN}/unbinding"): (
        Case("DELETE", f"/{_API}/devices/{{spare}}/unbinding", ("401", "code -1", "code 403", "code 403", "code 403")),
    ),
    _dji(f"workspaces/{_WORKSPACE}/devices/topologies"): (
        Case("GET", f"/{_API}/workspaces/{{ws}}/devices/topologies", SEEN),
    ),
    r"^(?:manage|map|media|wayline|storage|control)/api/": (
        Case("GET", "/wayline/api/v1/workspaces/{ws}/waylines", ("code 210003",) * 5, ""),
    ),
}  # fmt: skip

#: Pages of the administration, and the query for the victim's row. `%(ws)s`, `%(org)s`: primary keys.
ADMIN_MODELS = {
    "workspaces/organization": "SELECT %(org)s::bigint",
    "workspaces/workspace": "SELECT %(ws)s::bigint",
    "workspaces/user": "SELECT user_id FROM workspaces_membership WHERE workspace_id = %(ws)s ORDER BY id",
    "workspaces/membership": "SELECT id FROM workspaces_membership WHERE workspace_id = %(ws)s ORDER BY id",
    "workspaces/bindcode": "SELECT id FROM workspaces_bindcode WHERE workspace_id = %(ws)s ORDER BY id",
    "workspaces/auditentry": "SELECT id FROM workspaces_auditentry WHERE organization_id = %(org)s ORDER BY id",
    "devices/device": "SELECT id FROM devices_device WHERE workspace_id = %(ws)s ORDER BY id",
    "mqtt_bridge/mqttcredential": "SELECT id FROM mqtt_bridge_mqttcredential WHERE workspace_id = %(ws)s ORDER BY id",
}
AUTOCOMPLETE = "app_label=workspaces&model_name=membership&field_name=user&term=hidden"
#: Pages of the administration that show no rows.
ADMIN_PAGES = {
    "admin/": "/admin/",
    "admin/login/": "/admin/login/",
    "admin/logout/": "/admin/logout/",
    "admin/password_change/": "/admin/password_change/",
    "admin/password_change/done/": "/admin/password_change/done/",
    "admin/autocomplete/": f"/admin/autocomplete/?{AUTOCOMPLETE}",
    "admin/jsi18n/": "/admin/jsi18n/",
    "admin/^(?P<app_label>workspaces|devices|mqtt_bridge)/$": "/admin/workspaces/",
    "admin/(?P<url>.*)$": "/admin/nowhere/",
}


def enumerated() -> list[str]:
    """Every route of the URLconf, as its patterns spell it."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                yield route

    return sorted(set(walk(get_resolver().url_patterns, "")))
