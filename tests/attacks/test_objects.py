"""Objects of others: fields that a request should not set, ids that should tell nothing, rows behind forms and actions.

The administration is open to the admins of organizations, each for their own: `outsider` is one of those.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.attacks.forms import fields
from tests.attacks.people import People
from tests.attacks.scene import Scene
from tests.attacks.table import Attack
from tests.attacks.test_http_routes import leaks, state
from tests.attacks.visitor import API, Reply
from tests.live.tenants import new_sn

pytestmark = pytest.mark.live


# --- mass assignment --------------------------------------------------------------------------------------------------
def test_rename_that_sets_more(scene: Scene, people: People, attack: Attack) -> None:
    sn = scene.b.sn
    more = {
        "sn": new_sn("X"), "workspace": scene.keys["workspace"], "workspace_id": scene.a.workspace_id, "bound_at": None,
        "gateway": scene.a.sn, "online": False, "domain": 0, "organization_id": scene.a.tenant.organization_id,
    }  # fmt: skip
    columns = "SELECT workspace_id, gateway_id, online, domain, bound_at FROM devices_device WHERE sn = %s"
    before, before_callsign = (
        scene.rows(columns, sn),
        scene.rows("SELECT callsign FROM devices_device WHERE sn = %s", sn),
    )
    operator = people.tokens["outsider"]
    assert (
        operator.ask("PUT", f"{API}/devices/{scene.b.workspace_id}/devices/{sn}", {"nickname": "new", **more}).kind
        == "ok"
    )
    assert scene.rows(columns, sn) == before
    attack.control(
        scene.rows("SELECT callsign FROM devices_device WHERE sn = %s", sn) != before_callsign, "the name is"
    )
    attack.stopped("only the name changed")


@pytest.mark.parametrize("place", ["log-in", "refresh", "binding"])
def test_workspace_of_another_in_the_body(scene: Scene, people: People, place: str, attack: Attack) -> None:
    outsider, before = people.tokens["outsider"], state(scene)
    foreign = {"workspace_id": scene.a.workspace_id, "role": "admin", "user_id": 1, "is_superuser": True}
    if place == "log-in":
        refused = people.sessions["anonymous"].try_token(scene.b.users["admin"], scene.a.workspace_id)
        control = people.sessions["anonymous"].try_token(scene.b.users["admin"], scene.b.workspace_id)
    elif place == "refresh":
        refused = outsider.ask("POST", f"{API}/token/refresh", foreign)
        control = outsider.ask("POST", f"{API}/token/refresh", {"workspace_id": scene.b.workspace_id})
    else:
        refused = outsider.ask("POST", f"{API}/devices/{scene.a.sn}/binding", {**foreign, "device_sn": scene.b.sn})
        control = outsider.ask("GET", f"{API}/devices/{scene.b.workspace_id}/devices/{scene.b.sn}")
    assert refused.kind.startswith("code ")
    assert leaks(scene, refused) == []
    assert state(scene) == before
    attack.control(control.kind == "ok", "with the own workspace it works")
    attack.stopped(refused.kind)


def without_token(page: str) -> str:
    """The CSRF token of a page is another one each time."""
    return re.sub(r'(name="csrfmiddlewaretoken" value=")\w+', r"\1", page)


# --- ids --------------------------------------------------------------------------------------------------------------
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{API}/devices/{{own}}/devices/{{sn}}"),
        ("PUT", f"{API}/devices/{{own}}/devices/{{sn}}"),
        ("DELETE", f"{API}/devices/{{sn}}/unbinding"),
        ("GET", f"{API}/devices/{{ws}}/devices"),
        ("GET", f"{API}/users/{{ws}}/users"),
        ("GET", "/workspaces/{ws}/"),
        ("GET", "/workspaces/{own}/devices/{sn}/timeline/"),
        ("GET", "/admin/workspaces/workspace/{pk}/change/"),
        ("GET", "/admin/workspaces/organization/{pk}/change/"),
        ("GET", "/admin/workspaces/workspace/{pk}/delete/"),
        ("GET", "/admin/devices/device/{pk}/history/"),
    ],
    ids=lambda text: text.replace(API, ""),
)
def test_foreign_id_looks_like_none(scene: Scene, people: People, method: str, path: str, attack: Attack) -> None:
    known = people.tokens if path.startswith(API) else people.sessions
    body = {"nickname": "x"} if method == "PUT" else None

    def ask(who: str, own: str, ws: str, sn: str, pk: Any) -> Reply:
        return known[who].ask(method, path.format(own=own, ws=ws, sn=sn, pk=pk), body)

    own, pk = scene.b.workspace_id, str(scene.keys["workspace"])
    foreign = ask("outsider", own, scene.a.workspace_id, scene.a.sn, pk)
    unknown = ask("outsider", own, NOWHERE, nobody := new_sn("NONE"), 999_999)
    said = foreign.text.replace(scene.a.workspace_id, NOWHERE).replace(scene.a.sn, nobody)
    said = said.replace(f"/{pk}/", "/999999/")
    assert (foreign.status, without_token(said)) == (unknown.status, without_token(unknown.text))
    assert foreign.kind != "ok"
    if "/admin/" in path:
        allowed = people.sessions["superuser"].ask(method, path.format(pk=scene.keys["workspace"]))
        attack.control(allowed.status in (200, 302, 403), "the superuser's answer differs")
    elif method == "DELETE":
        attack.control(scene.owner(scene.a.sn), "the device is there")
    else:
        allowed = ask("operator", scene.a.workspace_id, scene.a.workspace_id, str(scene.a.away["sn"]), 0)
        attack.control(allowed.kind == "ok", "members get it")
    attack.stopped(f"{foreign.kind}, the same as for what does not exist")


# --- forms and actions of the administration --------------------------------------------------------------------------
OWN_ROWS = {
    "workspaces/workspace": ("SELECT id FROM workspaces_workspace WHERE workspace_id::text = %s", "name"),
    "workspaces/membership": (
        "SELECT m.id FROM workspaces_membership m JOIN workspaces_workspace w ON w.id = m.workspace_id "
        "WHERE w.workspace_id::text = %s AND role = 'viewer'", "role"),
    "devices/device": (
        "SELECT d.id FROM devices_device d JOIN workspaces_workspace w ON w.id = d.workspace_id "
        "WHERE w.workspace_id::text = %s ORDER BY d.id", "callsign"),
}  # fmt: skip


@pytest.mark.parametrize("model", OWN_ROWS)
def test_form_sent_to_a_foreign_row(scene: Scene, people: People, model: str, attack: Attack) -> None:
    """What the attacker's own form would send, sent to the victim's address."""
    outsider, (query, changed) = people.sessions["outsider"], OWN_ROWS[model]
    own, foreign = (
        f"/admin/{model}/{scene.rows(query, ws)[0][0]}/change/" for ws in (scene.b.workspace_id, scene.a.workspace_id)
    )
    sent = fields(outsider.ask("GET", own).text)
    assert changed in sent, sent
    sent[changed] = "operator" if changed == "role" else "changed by b"
    before = state(scene)
    refused = outsider.ask("POST", foreign, form=sent)
    assert refused.status in (403, 404)
    assert state(scene) == before
    accepted = outsider.ask("POST", own, form=sent)
    attack.control(accepted.status == 302, f"its own row takes it: {accepted.status}")
    attack.stopped(f"{refused.kind}, nothing changed")


ADDED: dict[str, dict[str, Any]] = {
    "workspaces/membership": {"role": "admin"},
    "workspaces/bindcode": {"max_docks": 1, "expires_at_0": "2099-01-01", "expires_at_1": "00:00:00"},
    "mqtt_bridge/mqttcredential": {"model_key": "3-2-0"},
}


@pytest.mark.parametrize("model", ADDED)
def test_row_added_to_a_foreign_workspace(scene: Scene, people: People, model: str, attack: Attack) -> None:
    outsider, path = people.sessions["outsider"], f"/admin/{model}/add/"
    page = fields(outsider.ask("GET", path).text)
    [[own]] = scene.rows("SELECT id FROM workspaces_workspace WHERE workspace_id::text = %s", scene.b.workspace_id)
    [[user]] = scene.rows("SELECT id FROM workspaces_user WHERE username = %s", scene.b.users["operator"]["username"])
    table = model.replace("/", "_")
    count = f"SELECT count(*) FROM {table} WHERE workspace_id = %s"  # noqa: S608  our names
    before = scene.rows(count, scene.keys["workspace"])
    more = {"user": user, "gateway_sn": new_sn("ADD"), **ADDED[model]}
    refused = outsider.ask("POST", path, form={**page, **more, "workspace": scene.keys["workspace"]})
    assert refused.kind in ("ok", "403")  # the form again, with its errors
    assert leaks(scene, refused) == []
    assert scene.rows(count, scene.keys["workspace"]) == before
    own_before = scene.rows(count, own)
    accepted = outsider.ask("POST", path, form={**page, **more, "workspace": own})
    if "role" in more:  # everybody of the attacker is a member already, and is said to be
        attack.control("already" in accepted.text, f"an own workspace is known: {accepted.kind}")
    else:
        attack.control(scene.rows(count, own) != own_before, f"an own workspace is taken: {accepted.kind}")
    attack.stopped("the form does not know the workspace")


@pytest.fixture(scope="module")
def targets(scene: Scene) -> dict[str, tuple[int, int]]:
    """For each action: primary keys of a row of the victim and of the attacker."""
    a, b = scene.a.tenant, scene.b.tenant
    pairs = {
        "workspaces/bindcode revoke": (
            "SELECT id FROM workspaces_bindcode WHERE hint = %s", a.code()[-4:], b.code()[-4:]),
        "mqtt_bridge/mqttcredential rotate": (
            "SELECT id FROM mqtt_bridge_mqttcredential WHERE gateway_sn = %s", a.accounts(1)[0]["sn"],
            b.accounts(1)[0]["sn"]),
    }  # fmt: skip
    return {name: (scene.rows(q, one)[0][0], scene.rows(q, two)[0][0]) for name, (q, one, two) in pairs.items()}


@pytest.mark.parametrize("action", ["workspaces/bindcode revoke", "mqtt_bridge/mqttcredential rotate"])
def test_action_on_a_foreign_row(
    scene: Scene, people: People, action: str, targets: dict[str, tuple[int, int]], attack: Attack
) -> None:
    outsider, (model, name), (foreign, own) = people.sessions["outsider"], action.split(), targets[action]
    column, table = (
        ("revoked_at", "workspaces_bindcode") if name == "revoke" else ("seed", "mqtt_bridge_mqttcredential")
    )
    look = f"SELECT {column} FROM {table} WHERE id = %s"  # noqa: S608  our names
    before, own_before = scene.rows(look, foreign), scene.rows(look, own)
    path = f"/admin/{model}/"
    sent = outsider.submit(
        path, {"action": name, "_selected_action": [foreign], "select_across": 0, "index": 0}, page=path
    )
    assert scene.rows(look, foreign) == before
    across = {"action": name, "_selected_action": [own], "select_across": 0, "index": 0}
    outsider.submit(path, across, page=path)
    attack.control(scene.rows(look, own) != own_before, "it works on an own row")
    attack.stopped(f"{sent.kind}, nothing changed")


@pytest.mark.parametrize("field", ["user", "workspace"])
def test_autocompletion(scene: Scene, people: People, field: str, attack: Attack) -> None:
    """A search box that completes names could name those of others."""
    term = "victim" if field == "user" else "hidden"
    query = f"app_label=workspaces&model_name=membership&field_name={field}&term={term}"
    reply = people.sessions["outsider"].ask("GET", f"/admin/autocomplete/?{query}")
    assert leaks(scene, reply) == []
    found = people.sessions["superuser"].ask("GET", f"/admin/autocomplete/?{query}")
    attack.control(json.loads(found.text)["results"], "the superuser finds them")
    attack.stopped(f"{reply.kind}: nothing of others")


def _guesses() -> Iterator[tuple[str, str, str]]:
    """A path, and two lookups of which one is true of the victim's or of hidden columns."""
    yield "/admin/workspaces/user/", "password__startswith=pbkdf2", "password__startswith=nothing"
    yield "/admin/workspaces/membership/", "user__password__startswith=pbkdf2", "user__password__startswith=nothing"
    yield "/admin/workspaces/workspace/", "organization__app_key__startswith=a", "organization__app_key__startswith=b"
    yield "/admin/workspaces/bindcode/", "code_hash__regex=^.", "code_hash__regex=^$"
    yield "/admin/mqtt_bridge/mqttcredential/", "seed__regex=^.", "seed__regex=^$"
    yield (
        "/admin/devices/device/",
        "workspace__organization__name__startswith=V",
        "workspace__organization__name__startswith=0",
    )
    yield "/admin/workspaces/auditentry/", "user__password__startswith=pbkdf2", "user__password__startswith=nothing"


@pytest.mark.parametrize(("path", "right", "wrong"), list(_guesses()), ids=lambda text: text)
def test_filter_that_asks_hidden_columns(
    scene: Scene, people: People, path: str, right: str, wrong: str, attack: Attack
) -> None:
    outsider = people.sessions["outsider"]
    first, second = (outsider.ask("GET", f"{path}?{lookup}") for lookup in (right, wrong))
    assert first.status == second.status != 200
    assert leaks(scene, first) == []
    attack.control(outsider.ask("GET", path).kind == "ok", "the list itself is there")
    attack.stopped(f"{first.kind} for the right guess and for the wrong one")


@pytest.mark.parametrize(
    "more", ["workspace_id={ws}", "workspace={pk}", "organization_id={org}", "user={pk}", "domain=3&domain=0"]
)
def test_parameters_that_nobody_reads(scene: Scene, people: People, more: str, attack: Attack) -> None:
    asked = more.format(ws=scene.a.workspace_id, pk=scene.keys["workspace"], org=scene.a.tenant.organization_id)
    reply = people.tokens["outsider"].ask("GET", f"{API}/devices/{scene.b.workspace_id}/devices/bound?{asked}")
    assert leaks(scene, reply) == []
    attack.control(scene.b.sn in reply.text and scene.a.sn not in reply.text, "the own dock is there")
    attack.stopped("the own devices, as without it")


def test_workspace_by_its_number(scene: Scene, people: People, attack: Attack) -> None:
    """Pages and API know workspaces by a random id only."""
    for named in (scene.keys["workspace"], 1, -1, "1 OR 1=1", uuid4().hex):
        for path in (f"{API}/devices/{named}/devices", f"{API}/users/{named}/users"):
            reply = people.tokens["outsider"].ask("GET", path.replace(" ", "%20"))
            assert reply.kind == "code -1"
    own = people.tokens["outsider"].ask("GET", f"{API}/devices/{scene.b.workspace_id}/devices")
    attack.control(own.kind == "ok", "the id works")
    attack.stopped("code -1")
