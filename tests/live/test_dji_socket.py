"""The Cloud API's WebSocket: what Pilots and web clients hear, and how an ended right ends it."""

import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.connection import Connection

from tests.live.browser_session import log_in as browser_log_in
from tests.live.browser_session import socket as browser_socket
from tests.live.dji_http import ask, log_in, log_in_as, new_users, socket
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos, new_sn, shell
from tests.platform import Platform

pytestmark = pytest.mark.live
DIES_WITHIN = 5.0
FIX = {"latitude": 46.95, "longitude": 7.44, "height": 540.5}
FLIGHT = {"attitude_head": -90.5, "elevation": 12.5, "horizontal_speed": 3, "vertical_speed": 0}


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=3, users=True)


@pytest.fixture(scope="module")
def other(platform: Platform) -> Tenant:
    return Tenant(platform, "Other", docks=1, users=True)


People = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def people(acme: Tenant) -> People:
    """Members that a test may spoil."""
    return {role: new_users(acme, role, 12) for role in ("pilot", "operator")}


class Listener:
    """Keeps the frames of a socket, by biz_code, with the time of their arrival."""

    def __init__(self, opened: Connection) -> None:
        self.socket = opened
        self.frames: dict[str, list[tuple[float, dict[str, Any]]]] = defaultdict(list)

    def read(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                text = str(self.socket.recv(timeout=left))
                assert "null" not in text, text
                frame = json.loads(text)
                assert frame.keys() == {"biz_code", "version", "timestamp", "data"}
                assert frame["version"] == "1.0"
                assert abs(frame["timestamp"] / 1000 - time.time()) < 10
                self.frames[frame["biz_code"]].append((time.monotonic(), frame["data"]))

    def until(self, what: Callable[[], object], why: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, f"not within {seconds} s: {why}; {dict(self.frames)}"
            self.read(0.2)

    def until_told(self, code: str, sn: str) -> None:
        self.until(lambda: self.of(code, sn), f"{code} of {sn}")

    def of(self, code: str, sn: str) -> list[dict[str, Any]]:
        return [data for _at, data in self.frames[code] if data.get("sn") == sn]

    def __contains__(self, sn: str) -> bool:
        return sn in str(dict(self.frames))


@pytest.fixture
def pilot(acme: Tenant) -> Iterator[Listener]:
    with socket(acme.platform, log_in(acme, "pilot")["access_token"]) as opened:
        yield Listener(opened)


@pytest.fixture
def web(acme: Tenant) -> Iterator[Listener]:
    with socket(acme.platform, log_in(acme, "operator")["access_token"]) as opened:
        yield Listener(opened)


def bound_dock(tenant: Tenant, dock: Gateway, aircraft: str) -> None:
    answer = dock.request("airport_organization_bind", tenant.bind_data(tenant.code(), dock.sn, aircraft))
    assert {error for _sn, error in err_infos(answer)} == {0}
    report(dock, "3", 2, aircraft)


def report(gateway: Gateway, domain: str, kind: int, *aircraft: str) -> None:
    subs = [{"sn": sn, "domain": "0", "type": 67, "sub_type": 0, "index": "A"} for sn in aircraft]
    assert gateway.topology({"domain": domain, "type": kind, "sub_type": 0, "sub_devices": subs}) == {"result": 0}


def test_docks_controllers_and_aircraft_are_heard(
    acme: Tenant, other: Tenant, pilot: Listener, web: Listener, platform: Platform
) -> None:
    pilot.until(lambda: pilot.frames["device_update_topo"], "it looks at the list once it follows")
    flown, docked, stranger = new_sn("AIR"), new_sn("AIR"), new_sn("AIR")
    account = acme.accounts(1, "2-119-0", "RC")[0]
    with acme.dock() as dock, Gateway(account) as controller, other.dock() as foreign:
        bound_dock(acme, dock, docked)
        bound_dock(other, foreign, stranger)
        report(controller, "2", 119, flown)
        shell(
            platform,
            f"""
from devices import ownership
from workspaces.models import Workspace
workspace = Workspace.objects.unscoped().get(workspace_id="{acme.workspace_id}")
ownership.claim(sns=["{controller.sn}", "{flown}"], workspace=workspace)
print(1)
""",
        )
        ours = {dock.sn: "3", docked: "0", controller.sn: "2", flown: "0"}
        for listener in (pilot, web):
            for sn in ours:
                listener.until_told("device_online", sn)
            for sn, domain in ours.items():
                topo = listener.of("device_online", sn)[0]
                assert (topo["online_status"], topo["device_model"]["domain"], topo["domain"]) == (
                    True,
                    domain,
                    int(domain),
                )
        assert pilot.of("device_online", flown)[0]["gateway_sn"] == controller.sn
        assert pilot.frames["device_update_topo"][-1][1] == {}
        assert len(pilot.frames["device_update_topo"]) > 1
        assert not web.frames["device_update_topo"]

        shapes: list[dict[str, Any]] = [
            {"mode_code": 0, "cover_state": 1, **FIX}, {"job_number": 3, "acc_time": None},
            {"wireless_link": {"sdr_quality": 5}},
        ]  # fmt: skip
        for shape in shapes:
            dock.telemetry(dock.sn, shape)
        dock.telemetry(docked, FIX)
        controller.telemetry(controller.sn, {**FIX, "capacity_percent": 70, "unset": None})
        controller.telemetry(flown, {**FIX, **FLIGHT, "mode_code": 3, "99-0-0": {"gimbal_yaw": 1.5}})
        controller.telemetry(flown, {"battery": {"capacity_percent": 77}})
        foreign.telemetry(stranger, FIX)

        pilot.until(lambda: all(pilot.of("device_osd", sn) for sn in ours), "every device has a position")
        assert pilot.of("device_osd", flown)[-1]["host"] == {**FIX, **FLIGHT}
        for sn in (dock.sn, docked, controller.sn):
            assert pilot.of("device_osd", sn)[-1]["host"] == FIX
        pilot.frames["device_osd"].clear()
        pilot.read(5.2)
        for sn in ours:
            at = [when for when, data in pilot.frames["device_osd"] if data["sn"] == sn]
            assert 4 <= len(at) <= 7, (sn, at)
            assert all(0.5 < later - earlier < 2 for earlier, later in pairwise(at)), at
        assert not pilot.frames["dock_osd"] + pilot.frames["gateway_osd"]

        web.until(lambda: len(web.of("dock_osd", dock.sn)) == 3, "the dock's messages")
        expected = [{key: value for key, value in shape.items() if value is not None} for shape in shapes]
        assert [data["host"] for data in web.of("dock_osd", dock.sn)] == expected
        web.until(lambda: web.of("device_osd", flown) and "battery" in web.of("device_osd", flown)[-1]["host"], "whole")
        assert web.of("device_osd", flown)[-1]["host"] == {
            **FIX, **FLIGHT, "mode_code": 3, "battery": {"capacity_percent": 77}, "99-0-0": {"gimbal_yaw": 1.5},
            "payloads": [{"payload_index": "99-0-0", "gimbal_yaw": 1.5}],
        }  # fmt: skip
        assert web.of("gateway_osd", controller.sn)[-1]["host"] == {**FIX, "capacity_percent": 70}
        assert not web.of("device_osd", dock.sn) + web.of("gateway_osd", dock.sn)

        report(controller, "2", 119)
        for listener in (pilot, web):
            listener.until_told("device_offline", flown)
            assert listener.of("device_offline", flown) == [{"sn": flown, "online_status": False}]
        token = log_in(acme, "admin")["access_token"]
        for sn in (controller.sn, dock.sn):
            assert ask(platform, "DELETE", f"/devices/{sn}/unbinding", token=token).data == ""
            for listener in (pilot, web):
                listener.until_told("device_offline", sn)
        for listener in (pilot, web):
            assert stranger not in listener
            assert foreign.sn not in listener


# --- who may listen, and for how long ---------------------------------------------------------------------------------
def test_a_bad_token_is_refused(acme: Tenant, platform: Platform) -> None:
    token = log_in(acme, "pilot")["access_token"]
    for bad in ("", "null", "garbage", token[:-1], token + "x", "%00", "' OR 1=1"):
        with pytest.raises(InvalidStatus) as refused:
            socket(platform, bad)
        assert refused.value.response.status_code == 403, bad
    with socket(platform, token) as opened:
        opened.send("nobody listens")
        opened.send(b"\xff" * 10)
        opened.ping().wait(5)


USER = 'User.objects.get(username="{username}")'
MEMBERSHIP = 'Membership.objects.in_workspace(Workspace.objects.unscoped().get(workspace_id="{ws}")).filter(user=user)'
ENDINGS = {
    "password": 'user.set_password("another-long-one"); user.save()',
    "deactivation": "User.objects.filter(pk=user.pk).update(is_active=False)",
    "membership": f"{MEMBERSHIP}.delete()",
    "role": f'{MEMBERSHIP}.update(role="{{other_role}}")',
    "expiry": "AccessToken.objects.unscoped().filter(user=user).update(expires_at=timezone.now())",
}


def change(platform: Platform, tenant: Tenant, user: dict[str, str], ending: str) -> None:
    other_role = "viewer" if user["role"] == "pilot" else "pilot"
    code = ENDINGS[ending].format(ws=tenant.workspace_id, other_role=other_role)
    lookup = USER.format(username=user["username"])
    shell(
        platform,
        f"""
from django.utils import timezone
from workspaces.models import AccessToken, Membership, User, Workspace
user = {lookup}
{code}
print(1)
""",
    )


def closed_after(opened: Connection, changed_at: float) -> tuple[int, float]:
    """The close code of a socket, and how long after the change it came."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            opened.recv(timeout=15)
    assert opened.close_code is not None
    return opened.close_code, time.monotonic() - changed_at


@pytest.mark.parametrize("role", ["pilot", "operator"])
@pytest.mark.parametrize("ending", [*ENDINGS, "log-out"])
def test_an_open_socket_dies_with_its_token(
    acme: Tenant, platform: Platform, people: People, role: str, ending: str
) -> None:
    user = people[role].pop()
    token = log_in_as(platform, user, 2 if role == "pilot" else 1)["access_token"]
    path = f"/ws/workspaces/{acme.workspace_id}/?x-auth-token={token}"
    with socket(platform, token) as opened, browser_socket(platform.http_url, path) as console:
        if ending == "log-out":
            assert ask(platform, "POST", "/logout", {}, token=token).data == ""
        else:
            change(platform, acme, user, ending)
        changed_at = time.monotonic()
        for each in (opened, console):
            code, seconds = closed_after(each, changed_at)
            assert (code, seconds < DIES_WITHIN) == (4401, True), seconds
    with pytest.raises(InvalidStatus):
        socket(platform, token)
    assert ask(platform, "GET", "/users/current", token=token).status == 401


@pytest.mark.parametrize("ending", ["password", "deactivation", "membership", "log-out"])
def test_an_operator_s_page_dies_with_the_session(
    acme: Tenant, platform: Platform, people: People, ending: str
) -> None:
    user = people["operator"].pop()
    cookie = browser_log_in(platform.http_url, user)
    with browser_socket(platform.http_url, f"/ws/workspaces/{acme.workspace_id}/", cookie=cookie) as opened:
        if ending == "log-out":
            session = dict(part.split("=", 1) for part in cookie.split("; "))["sessionid"]
            code = (
                f'from django.contrib.sessions.models import Session\nSession.objects.filter(pk="{session}").delete()'
            )
            shell(platform, f"{code}\nprint(1)")
        else:
            change(platform, acme, user, ending)
        code_, seconds = closed_after(opened, time.monotonic())
        assert (code_, seconds < DIES_WITHIN) == (4401, True), seconds


def test_a_socket_lives_on_when_others_log_out(platform: Platform, people: People) -> None:
    user = people["pilot"].pop()
    first, second = (log_in_as(platform, user, 2)["access_token"] for _ in range(2))
    with socket(platform, first) as opened:
        assert ask(platform, "POST", "/logout", {}, token=second).data == ""
        listener = Listener(opened)
        listener.read(DIES_WITHIN)
        opened.ping().wait(5)


def test_no_token_is_in_any_log(acme: Tenant, platform: Platform) -> None:
    token = log_in(acme, "pilot")["access_token"]
    with socket(platform, token) as opened:
        opened.ping().wait(5)
    with contextlib.suppress(InvalidStatus):
        browser_socket(platform.http_url, f"/api/v1/ws/nowhere?x-auth-token={token}")
    ask(platform, "GET", f"/manage/api/v1/nothing?x-auth-token={token}")
    with contextlib.suppress(HTTPError):
        urlopen(f"{platform.http_url}/manage/x?x-auth-token={token}", timeout=20)  # noqa: S310  http_url is ours
    ask(platform, "POST", "/logout", {}, token=token)
    for log in platform.data_dir.rglob("*"):
        if log.is_file():
            assert token.encode() not in log.read_bytes(), log
