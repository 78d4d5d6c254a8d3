"""The DJI-compatible paths through Daphne and PostgreSQL: who sees what, and what odd clients get."""

import re
from typing import Any
from urllib.request import urlopen

import pytest

from tests.live.dji_http import ask, log_in
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos, new_sn
from tests.platform import Platform

pytestmark = pytest.mark.live
ROLES = ("admin", "operator", "pilot", "viewer")


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=2, users=True)


@pytest.fixture(scope="module")
def other(platform: Platform) -> Tenant:
    return Tenant(platform, "Other", docks=1, users=True)


@pytest.fixture(scope="module")
def tokens(acme: Tenant) -> dict[str, str]:
    return {role: log_in(acme, role)["access_token"] for role in ROLES}


@pytest.fixture(scope="module")
def outsider(other: Tenant) -> str:
    return str(log_in(other, "admin")["access_token"])


@pytest.fixture(scope="module")
def dock(acme: Tenant) -> str:
    """A dock of Acme that has bound by MQTT and reported an aircraft."""
    code, aircraft = acme.code(), new_sn("AIR")
    with acme.dock() as gateway:
        answer = gateway.request("airport_organization_bind", acme.bind_data(code, gateway.sn))
        assert err_infos(answer) == [(gateway.sn, 0)]
        sub = {"sn": aircraft, "domain": "0", "type": 91, "sub_type": 0, "index": "A"}
        assert gateway.topology({"domain": "3", "type": 2, "sub_type": 0, "sub_devices": [sub]}) == {"result": 0}
    return gateway.sn


def test_every_member_sees_the_devices_and_nobody_else(
    platform: Platform, acme: Tenant, tokens: dict[str, str], outsider: str, dock: str
) -> None:
    ws = acme.workspace_id
    paths = [
        f"/devices/{ws}/devices", f"/devices/{ws}/devices/bound?&page=1&page_size=50&domain=3",
        f"/devices/{ws}/devices/{dock}",
        f"/workspaces/{ws}/devices/topologies", f"/users/{ws}/users?page=1&page_size=10",
    ]  # fmt: skip
    for path in paths:
        for role, token in tokens.items():
            shown = ask(platform, "GET", path, token=token)
            assert shown.data, (path, role)
            assert "null" not in str(shown.body)
            assert path.startswith("/users") or dock in str(shown.data)
            assert ask(platform, "GET", path.replace(ws, "null"), token=token).body == shown.body
        refused = ask(platform, "GET", path, token=outsider)
        assert (refused.status, refused.code != 0, "data" in refused.body) == (200, True, False), path
        assert dock not in str(ask(platform, "GET", path.replace(ws, ""), token=outsider).body.get("data", ""))
        for bad in (None, "", "null", "garbage", tokens["pilot"][:-1]):
            assert ask(platform, "GET", path, token=bad).status == 401, path
    [pair] = ask(platform, "GET", f"/workspaces/{ws}/devices/topologies", token=tokens["pilot"]).data["list"]
    assert (pair["parents"][0]["sn"], pair["parents"][0]["device_model"]["key"]) == (dock, "3-2-0")
    assert pair["hosts"][0]["gateway_sn"] == dock
    for method, path, body in (
        ("PUT", f"/devices/{ws}/devices/{dock}", {"nickname": "mine"}), ("DELETE", f"/devices/{dock}/unbinding", None),
        ("PUT", f"/devices/null/devices/{dock}", {"nickname": "mine"}), ("POST", f"/devices/{dock}/binding", {}),
    ):  # fmt: skip
        answer = ask(platform, method, path, body, token=outsider)
        assert (answer.status, answer.code != 0) == (200, True)


def test_clients_from_other_origins(platform: Platform, tokens: dict[str, str]) -> None:
    preflight = {"Origin": "https://web.example", "Access_Control_Request_Method": "PUT"}
    for path in ("/login", "/devices/x/devices/y", "/nothing"):
        answer = ask(platform, "OPTIONS", path, **preflight)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
        assert "x-auth-token" in answer.headers["access-control-allow-headers"].lower()
    shown = ask(platform, "GET", "/users/current", token=tokens["viewer"], Origin="https://web.example")
    assert shown.headers["access-control-allow-origin"] == "*"
    assert "set-cookie" not in shown.headers


def test_two_slashes_unknown_paths_wrong_methods(platform: Platform, tokens: dict[str, str]) -> None:
    assert ask(platform, "GET", "//manage/api/v1/users/current", token=tokens["pilot"]).data["username"]
    assert ask(platform, "GET", "//manage/api/v1/users/current").status == 401
    for path in ("/manage/api/v1/live/capacity", "//map/api/v1/workspaces/x/element-groups", "/media/api/v1/x%00y"):
        assert (ask(platform, "GET", path).status, ask(platform, "POST", path, {}).code) == (200, 210003)
    for method, path in (("GET", "/login"), ("PUT", "/users/current"), ("POST", "/devices/null/devices")):
        answer = ask(platform, method, path, {}, token=tokens["admin"])
        assert (answer.status, answer.code) == (200, 405), (method, path)


NUL = [
    ("POST", "/login", {"username": "a\0b", "password": "c\0d", "flag": 2, "workspace_id": "\0"}),
    ("POST", "/users/current/mqtt", {"gateway_sn": "RC\0"}),
    ("POST", "/token/refresh", {"workspace_id": "\0"}),
    ("PUT", "/devices/null/devices/X", {"nickname": "\0"}),
    ("GET", "/devices/null/devices/%00", None),
    ("GET", "/devices/%00/devices", None),
    ("GET", "/devices/null/devices/bound?page=%00&domain=%00", None),
    ("POST", "/devices/%00/binding", {}),
    ("DELETE", "/devices/%00/unbinding", None),
]


@pytest.mark.parametrize(("method", "path", "body"), NUL)
def test_nul_characters_never_reach_the_database(
    platform: Platform, tokens: dict[str, str], method: str, path: str, body: Any
) -> None:
    for role in ("pilot", "admin"):
        answer = ask(platform, method, path, body, token=tokens[role])
        assert answer.status == 200
        assert answer.body.get("message") != "Internal error."
    assert "Traceback" not in platform.logs("web")


def test_odd_requests(platform: Platform, tokens: dict[str, str]) -> None:
    token = tokens["admin"]
    for body in (b"{", b"", b"[1]", b"null", b"\xff", b"[" * 50_000, b"a=1&b=2"):
        for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
            answer = ask(platform, "POST", "/login", body, Content_Type=kind)
            assert (answer.status, answer.body.get("code")) == (200, 210002), (body[:9], kind, answer)
    assert ask(platform, "POST", "/login", b" " * 2_000_000).status == 413, "before anything of it is read"
    deleted = ask(platform, "DELETE", "/devices/NOBODY/unbinding", {"device_sn": "x", "list": [1]}, token=token)
    assert (deleted.status, deleted.code) == (200, -1)
    for query in ("?&page=1&level=", "?page=99999999999999999999", "?page=1000000&page_size=500", "?status=All&page=x"):
        page = ask(platform, "GET", f"/users/null/users{query}", token=token).data
        assert page.keys() == {"list", "pagination"}
    assert ask(platform, "GET", "/users/current", token=token, Accept="text/html").data
    assert "Traceback" not in platform.logs("web")


def test_the_schema_is_browsable_without_other_sites(platform: Platform) -> None:
    def read(path: str) -> str:
        with urlopen(platform.http_url + path, timeout=20) as answer:  # noqa: S310  http_url is ours
            return str(answer.read().decode(errors="replace"))

    page = read("/api/docs/")
    assets = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert any("swagger-ui" in asset for asset in assets)
    for asset in assets:
        assert asset.startswith("/"), asset
        assert read(asset), asset
    assert "/manage/api/v1/login" in read("/api/schema/")


def test_a_gateway_of_acme_stays_itself(acme: Tenant, platform: Platform, outsider: str, dock: str) -> None:
    """Nothing of what the outsider tried has changed anything."""
    with Gateway(acme.account()) as gateway:
        assert gateway.request("airport_bind_status", {"devices": [{"sn": dock}]})["result"] == 0
    [shown] = ask(platform, "GET", "/devices/null/devices", token=log_in(acme, "viewer")["access_token"]).data
    assert (shown["device_sn"], shown["nickname"] != "mine") == (dock, True)
