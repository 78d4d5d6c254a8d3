"""Tokens in wrong places, sessions that outlive their right, requests that another site makes a browser send."""

from typing import Any

import pytest

from tests.attacks.mqtt_probe import Account, Probe
from tests.attacks.people import People
from tests.attacks.scene import Scene
from tests.attacks.table import Attack
from tests.attacks.visitor import API, Visitor
from tests.live.dji_http import new_users
from tests.live.tenants import new_sn, shell
from tests.processes import wait_until

pytestmark = pytest.mark.live


# --- tokens -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", ["query", "cookie", "bearer", "body", "session cookie", "other header", "twice"])
def test_token_in_the_wrong_place(scene: Scene, people: People, place: str, attack: Attack) -> None:
    token, path = people.tokens["viewer"].token, f"{API}/devices/{scene.a.workspace_id}/devices"
    thief = Visitor(scene.platform)
    asked: dict[str, dict[str, Any]] = {
        "query": {"path": f"{path}?x-auth-token={token}&token={token}&access_token={token}"},
        "cookie": {"headers": {"Cookie": f"x-auth-token={token}; token={token}; sessionid={token}"}},
        "bearer": {"headers": {"Authorization": f"Bearer {token}"}},
        "body": {"body": {"x-auth-token": token, "token": token}},
        "session cookie": {"headers": {"Cookie": f"sessionid={people.sessions['viewer'].cookies['sessionid']}"}},
        "other header": {"headers": {"X-Token": token, "X-Auth": token, "Token": token}},
        "twice": {"headers": {"X-Auth-Token": f"{token},{token}"}},
    }
    refused = thief.ask("GET", **{"path": path, **asked[place]})
    assert refused.status == 401
    attack.control(Visitor(scene.platform, token=token).ask("GET", path).kind == "ok", "in its header it works")
    attack.stopped("401")


def test_token_on_pages(scene: Scene, people: People, attack: Attack) -> None:
    token, path = people.tokens["viewer"].token, f"/workspaces/{scene.a.workspace_id}/"
    for refused in (
        Visitor(scene.platform, token=token).ask("GET", path),
        Visitor(scene.platform).ask("GET", f"{path}?x-auth-token={token}"),
    ):
        assert refused.kind == "login"
    attack.control(people.sessions["viewer"].ask("GET", path).kind == "ok", "the session works")
    attack.stopped("sent to the log-in")


def test_token_that_is_nearly_right(scene: Scene, people: People, attack: Attack) -> None:
    """Also what a copy of the database holds."""
    token, path = people.tokens["viewer"].token, f"{API}/users/current"
    hashes = [row[0] for row in scene.rows("SELECT token_hash FROM workspaces_accesstoken LIMIT 3")]
    for wrong in (token[:-1], token + "A", token.swapcase(), "%", "_" * len(token), "null", "' OR 1=1 --", *hashes):
        assert Visitor(scene.platform, token=wrong).ask("GET", path).status == 401, wrong
    attack.control(people.tokens["viewer"].ask("GET", path).kind == "ok", "the right one works")
    attack.stopped("401 for each, hashes from the database too")


def test_seed_of_the_database_as_a_broker_password(scene: Scene, attack: Attack) -> None:
    right = Account.of(scene.a.free)
    [[seed]] = scene.rows("SELECT seed FROM mqtt_bridge_mqttcredential WHERE gateway_sn = %s", right.sn)
    with Probe(scene.platform.mqtt_port, right._replace(password=seed), client_id="thief-1") as thief:
        assert not thief.is_connected
    with Probe(scene.platform.mqtt_port, right) as rightful:
        attack.control(rightful.is_connected, "the password works")
    attack.stopped("not authorized")


IMPORTS = "from django.utils import timezone\nfrom workspaces import tokens\nfrom workspaces.models import User"
ENDINGS = {
    "log-out": "",
    "password": 'user.set_password("another-long-one"); user.save()',
    "deactivation": "user.is_active = False; user.save()",
    "removal": "user.memberships.all().delete()",
    "demotion": 'user.memberships.update(role="viewer")',
    # A log-in's age: its tokens expired as long ago as its broker account goes on.
    "age": "user.access_tokens.update(expires_at=timezone.now() - tokens.GRACE)",
    # Its tokens have just expired, and then the pilot logs out.
    "late log-out": "user.access_tokens.update(expires_at=timezone.now())",
}


@pytest.fixture(scope="module")
def leavers(scene: Scene) -> dict[str, Any]:
    """For each ending a pilot with session, token, a refreshed token and a connected controller."""
    made: dict[str, Any] = {}
    for ending, user in zip(ENDINGS, new_users(scene.a.tenant, "pilot", len(ENDINGS)), strict=True):
        session = Visitor(scene.platform).log_in(user)
        token = Visitor(scene.platform).take_token(user)
        again = Visitor(scene.platform, token=token.ask("POST", f"{API}/token/refresh").data["access_token"])
        sn = new_sn("RC")
        account = token.ask("POST", f"{API}/users/current/mqtt", {"gateway_sn": sn}).data
        made[ending] = user, session, token, again, Account(account["mqtt_username"], account["mqtt_password"], sn)
    return made


@pytest.mark.parametrize("ending", ENDINGS)
def test_access_after(scene: Scene, leavers: dict[str, Any], ending: str, attack: Attack) -> None:
    """A stolen controller, a member who left: tokens, refreshed tokens, session and broker account end within 5 s."""
    user, session, token, again, account = leavers[ending]
    page = f"/workspaces/{scene.a.workspace_id}/"
    with Probe(scene.platform.mqtt_port, account) as controller:
        works = [token.ask("GET", f"{API}/users/current").kind, again.ask("GET", f"{API}/users/current").kind]
        attack.control(
            works == ["ok", "ok"] and session.ask("GET", page).kind == "ok" and controller.is_connected,
            "it works before",
        )
        if ending == "log-out":
            assert token.ask("POST", f"{API}/logout").kind == "ok"
        else:
            change = f"user = User.objects.get(username={user['username']!r})\n{ENDINGS[ending]}\nprint(1)"
            shell(scene.platform, f"{IMPORTS}\n{change}")
        for each in (token, again):
            assert each.ask("GET", f"{API}/users/current").status == 401
            assert each.ask("POST", f"{API}/token/refresh").status == 401
        if ending == "late log-out":
            assert token.ask("POST", f"{API}/logout").kind == "ok"
        if ending in ("password", "deactivation", "removal"):
            assert session.ask("GET", page).kind in ("login", "404")
        wait_until(lambda: not controller.is_connected, "the controller's connection ends", 5)
    with Probe(scene.platform.mqtt_port, account) as back:
        assert not back.is_connected
    attack.stopped("token 401, refreshed token 401, broker account ended")


# --- sessions ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("planted", ["made up", "own earlier one"])
def test_session_fixation(scene: Scene, people: People, planted: str, attack: Attack) -> None:
    """The victim logs in with a session id that the attacker knows."""
    user, page = scene.a.users["viewer"], f"/workspaces/{scene.a.workspace_id}/"
    earlier = Visitor(scene.platform).log_in(user)
    known = {
        "made up": "a" * 32,
        "own earlier one": earlier.cookies["sessionid"],
    }
    victim = Visitor(scene.platform)
    if planted == "own earlier one":
        earlier.submit("/logout/", {}, page=page)
    victim.cookies["sessionid"] = known[planted]
    victim.log_in(user)
    attack.control(victim.ask("GET", page).kind == "ok", "the victim is logged in")
    assert victim.cookies["sessionid"] != known[planted]
    thief = Visitor(scene.platform)
    thief.cookies["sessionid"] = known[planted]
    assert thief.ask("GET", page).kind in ("login", "404")
    attack.stopped("logging in makes a new session id")


def test_cookie_read_by_a_script(scene: Scene, attack: Attack) -> None:
    visitor = Visitor(scene.platform)
    login = visitor.ask("GET", "/login/")
    assert login.status == 200
    found = visitor.submit("/login/", dict(scene.a.users["viewer"]))
    attack.control(found.status == 302 and "sessionid" in visitor.cookies, "logging in sets the cookie")
    cookie = found.headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    attack.stopped("HttpOnly and SameSite=Lax")


@pytest.mark.parametrize("how", ["no token", "token of another", "foreign origin", "null origin", "by GET"])
@pytest.mark.parametrize(
    "path", ["/logout/", "/admin/password_change/", "/language/", "/admin/workspaces/bindcode/add/"]
)
def test_request_forged_by_another_site(scene: Scene, people: People, path: str, how: str, attack: Attack) -> None:
    member = people.sessions["admin"]
    own = member.cookies["csrftoken"]
    sent: dict[str, Any] = {
        "no token": {"form": {}},
        "token of another": {"form": {"csrfmiddlewaretoken": people.sessions["outsider"].cookies["csrftoken"]}},
        "foreign origin": {"form": {"csrfmiddlewaretoken": own}, "headers": {"Origin": "https://evil.example"}},
        "null origin": {"form": {"csrfmiddlewaretoken": own}, "headers": {"Origin": "null"}},
        "by GET": {},
    }
    codes = scene.rows("SELECT count(*) FROM workspaces_bindcode")
    reply = member.ask("GET" if how == "by GET" else "POST", path, **sent[how])
    assert reply.status in ((403,) if how != "by GET" else (200, 302, 403, 405))
    assert scene.rows("SELECT count(*) FROM workspaces_bindcode") == codes
    attack.control(
        member.ask("GET", f"/workspaces/{scene.a.workspace_id}/").kind == "ok", "the member is still logged in"
    )
    attack.stopped(f"{reply.status}, and nothing happened")
