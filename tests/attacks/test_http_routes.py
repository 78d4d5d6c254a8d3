"""Every HTTP route, as anonymous, outsider, viewer and pilot. The routes come from the URLconf."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.people import People
from tests.attacks.routes import ACTORS, ADMIN_MODELS, ADMIN_PAGES, CASES, Case, enumerated
from tests.attacks.scene import Scene
from tests.attacks.table import Attack
from tests.attacks.visitor import Reply, Visitor

pytestmark = pytest.mark.live

ROUTES = enumerated()
STRANGERS = ACTORS[:3]
#: What an attempt would change, had it succeeded.
STATE = (
    "SELECT sn, callsign, workspace_id, gateway_id FROM devices_device ORDER BY sn",
    "SELECT user_id, workspace_id, role FROM workspaces_membership ORDER BY id",
    "SELECT username, gateway_sn, seed FROM mqtt_bridge_mqttcredential ORDER BY username",
    "SELECT name, app_id FROM workspaces_organization ORDER BY id",
    "SELECT username, is_superuser, password FROM workspaces_user ORDER BY id",
)


def state(scene: Scene) -> list[Any]:
    return [scene.rows(query) for query in STATE]


def model_of(route: str) -> str:
    """ "workspaces/user" of "admin/workspaces/user/<path:object_id>/change/"; "" for what is no model's page."""
    parts = route.split("/")
    return "/".join(parts[1:3]) if route.startswith("admin/") and len(parts) > 3 and "<" not in parts[1] else ""


def test_every_route_is_declared() -> None:
    declared = {*CASES, *ADMIN_PAGES}
    unknown = [route for route in ROUTES if route not in declared and model_of(route) not in ADMIN_MODELS]
    assert unknown == [], "say in routes.py who may get what from these"
    assert declared - set(ROUTES) == set(), "these are gone"


def leaks(scene: Scene, reply: Reply) -> list[str]:
    """What of the victim stands in an answer."""
    seen = reply.text + str(reply.headers)
    return [secret for secret in scene.secrets if secret in seen]


def filled(scene: Scene, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: filled(scene, inner) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    for name, text in (
        ("ws", scene.a.workspace_id),
        ("sn", scene.a.sn),
        ("spare", scene.spare),
        ("away", scene.a.away["sn"]),
    ):
        value = value.replace(f"{{{name}}}", text)
    return value


def ask(scene: Scene, who: Visitor, case: Case) -> Reply:
    return who.ask(case.method, filled(scene, case.path), filled(scene, case.body))


def others(people: People, case: Case) -> Iterator[tuple[str, Visitor, str]]:
    """Who asks, and what for."""
    known = people.tokens if "api/v1/" in case.path else people.sessions
    for actor, expected in zip(ACTORS, case.answers, strict=True):
        if expected:
            yield actor, known[actor], expected


@pytest.mark.parametrize("route", sorted(CASES), ids=lambda route: route or "/")
def test_route(scene: Scene, people: People, route: str, attack: Attack) -> None:
    before, seen = state(scene), []
    for case in CASES[route]:
        for actor, visitor, expected in others(people, case):
            reply = ask(scene, visitor, case)
            kind = "ok" if expected in ("own", "open") and reply.status in (200, 302) else expected
            if kind == "refused":
                assert reply.kind.startswith("code "), (actor, case, reply)
            else:
                assert reply.kind == kind or reply.kind.startswith("to /"), (actor, case, reply)
            assert actor not in STRANGERS or leaks(scene, reply) == [], (actor, case, reply)
            seen.append(f"{actor}: {reply.kind}")
        assert state(scene) == before
    for case in CASES[route]:
        known = people.tokens if "api/v1/" in case.path else people.sessions
        if case.may:
            reply = ask(scene, known[case.may], case)
            attack.control(reply.kind == "ok", f"{case.may} gets {reply}")
        else:
            attack.control(ask(scene, known["anonymous"], case).status < 500, "the route answers")
    attack.stopped(", ".join(seen))


# --- the administration -----------------------------------------------------------------------------------------------
def admin_path(scene: Scene, route: str) -> str:
    if route in ADMIN_PAGES:
        return ADMIN_PAGES[route]
    query = ADMIN_MODELS[model_of(route)] % {"ws": scene.keys["workspace"], "org": scene.keys["organization"]}
    [[pk], *_more] = scene.rows(query)
    return f"/{route}".replace("<path:object_id>", str(pk)).replace("<id>", str(pk))


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith("admin/")])
def test_administration(scene: Scene, people: People, route: str, attack: Attack) -> None:
    path, seen, before = admin_path(scene, route), [], state(scene)
    is_row = "object_id" in route or "<id>" in route
    for actor in (*ACTORS, "operator"):
        visitor = people.sessions[actor]
        token = {"X-CSRFToken": visitor.cookies["csrftoken"]}
        got = visitor.ask("GET", path)
        seen.append(f"{actor}: {got.kind}")
        if route == "admin/logout/":  # it would work, and all later rows would be asked by nobody
            continue
        posted = visitor.ask("POST", path, form={"post": "yes", "action": "delete_selected"}, headers=token)
        for reply in (got, posted):
            assert actor not in STRANGERS or leaks(scene, reply) == [], (actor, reply)
            assert reply.status in (302, 403, 404, 405) or not is_row, (actor, reply)
    assert state(scene) == before
    reply = people.sessions["superuser"].ask("GET", path)
    attack.control(reply.status < 500 and reply.kind != "login", f"the superuser gets {reply.kind}")
    for actor in ("outsider", "viewer"):
        attack.control(people.sessions[actor].ask("GET", "/").kind != "login", f"{actor} is still logged in")
    attack.stopped(f"{', '.join(seen)}; superuser: {reply.kind}")
