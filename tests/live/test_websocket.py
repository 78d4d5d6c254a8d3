"""The live state of a workspace as a script with an operator's session sees it."""

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.live.browser_session import Page, log_in, socket
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos, new_sn, shell, supervised
from tests.platform import Platform

pytestmark = pytest.mark.live

SILENCE_SECONDS = 3
DESCRIBED = {
    "sn", "kind", "model", "model_key", "callsign", "gateway_sn", "online", "offline_reason", "last_seen_at",
    "clock_skew_ms", "values",
}  # fmt: skip


@pytest.fixture(scope="module")
def lively(make_platform: Callable[..., Platform]) -> Iterator[Platform]:
    """A platform of its own: its parts are killed, and silence is noticed sooner."""
    made = make_platform(OFFLINE_AFTER_SECONDS=str(SILENCE_SECONDS))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def acme(lively: Platform) -> Tenant:
    return Tenant(lively, "Acme", docks=16, users=True)


@pytest.fixture(scope="module")
def other(lively: Platform) -> Tenant:
    return Tenant(lively, "Other", docks=2, users=True)


@pytest.fixture(scope="module")
def codes(acme: Tenant, other: Tenant) -> dict[Tenant, str]:
    return {tenant: tenant.code(docks=20) for tenant in (acme, other)}


@pytest.fixture(scope="module")
def operator(lively: Platform, acme: Tenant) -> str:
    return log_in(lively.http_url, acme.users["operator"])


@pytest.fixture
def page(lively: Platform, acme: Tenant, operator: str) -> Iterator[Page]:
    with Page(lively.http_url, acme.workspace_id, operator) as opened:
        yield opened


@pytest.fixture
def dock(acme: Tenant, codes: dict[Tenant, str]) -> Iterator[Gateway]:
    with acme.dock() as opened:
        bind(acme, codes[acme], opened)
        yield opened


def bind(tenant: Tenant, code: str, dock: Gateway, *sns: str) -> None:
    answer = err_infos(dock.request("airport_organization_bind", tenant.bind_data(code, dock.sn, *sns)))
    assert {error for _sn, error in answer} == {0}


def topology(*sns: str) -> dict[str, Any]:
    subs = [{"sn": sn, "domain": 0, "type": 91, "sub_type": 0, "index": "A"} for sn in sns]
    return {"domain": 3, "type": 2, "sub_type": 0, "sub_devices": subs}


# --- who may look -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", ["admin", "pilot", "viewer"])
def test_every_member_sees_the_workspace(lively: Platform, acme: Tenant, role: str) -> None:
    cookie = log_in(lively.http_url, acme.users[role])
    with Page(lively.http_url, acme.workspace_id, cookie) as opened:
        assert opened.frames[0][1]["type"] == "snapshot"


def test_others_are_refused(lively: Platform, acme: Tenant, other: Tenant, operator: str) -> None:
    stranger = log_in(lively.http_url, other.users["admin"])
    path, nowhere = f"/ws/workspaces/{acme.workspace_id}/", "/ws/workspaces/00000000-0000-4000-8000-000000000000/"
    attempts: list[tuple[str, dict[str, Any]]] = [
        (path, {"cookie": stranger}),
        (path, {}),
        (path, {"cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"}),
        (path, {"cookie": operator, "origin": "https://evil.example"}),
        (path, {"cookie": operator, "origin": "null"}),
        (nowhere, {"cookie": operator}),
        ("/ws/unknown/", {"cookie": operator}),
    ]
    for where, options in attempts:
        with pytest.raises(InvalidStatus) as refused:
            socket(lively.http_url, where, **options)
        assert refused.value.response.status_code == 403, (where, options)


# --- what is shown ----------------------------------------------------------------------------------------------------
def test_a_snapshot_then_what_changes(acme: Tenant, page: Page, dock: Gateway, lively: Platform, operator: str) -> None:
    """Partial OSD merges per key, and a delta holds only what changed."""
    page.until(lambda: dock.sn in page.devices, "the dock appears when it binds")
    assert set(page.frames[0][1]) == {"type", "at", "devices"}
    dock.telemetry(dock.sn, {"mode_code": 0, "cover_state": 0, "sub_device": {"online": 1}})
    dock.telemetry(dock.sn, {"job_number": 3, "99-0-0": {"yaw": 1.5}})
    dock.telemetry(dock.sn, {"wireless_link": {"sdr_quality": 5}}, kind="state")
    page.until(lambda: page.value(dock.sn, "wireless_link"), "three partial messages arrive")
    whole = {
        "mode_code": 0, "cover_state": 0, "sub_device": {"online": 1}, "job_number": 3, "99-0-0": {"yaw": 1.5},
        "wireless_link": {"sdr_quality": 5},
    }  # fmt: skip
    assert page.devices[dock.sn]["values"] == whole

    already = len(page.frames)
    dock.telemetry(dock.sn, {"mode_code": 4, "cover_state": 0, "sub_device": {"online": 1}, "job_number": 3})
    page.until(lambda: page.value(dock.sn, "mode_code") == 4, "the change arrives")
    page.read(0.6)
    updates = [update for _at, frame in page.frames[already:] for update in frame["devices"] if update["sn"] == dock.sn]
    assert [update["values"] for update in updates if "values" in update] == [{"mode_code": 4}]

    with Page(lively.http_url, acme.workspace_id, operator) as later:
        frame = later.frames[0][1]
        assert (frame["type"], set(frame), type(frame["at"])) == ("snapshot", {"type", "at", "devices"}, int)
        assert abs(frame["at"] / 1000 - time.time()) < 10
        [shown] = [device for device in frame["devices"] if device["sn"] == dock.sn]
    assert set(shown) == DESCRIBED
    assert type(shown["last_seen_at"]) is int
    assert shown["model"]
    expected = {
        "sn": dock.sn,
        "kind": "dock",
        "model_key": "3-2-0",
        "callsign": f"Call {dock.sn[-3:]}",
        "gateway_sn": None,
        "online": True,
        "offline_reason": "",
        "values": {**whole, "mode_code": 4},
    }
    assert {key: shown[key] for key in expected} == expected


def test_devices_come_and_go(acme: Tenant, codes: dict[Tenant, str], page: Page, lively: Platform) -> None:
    aircraft = new_sn("AIR")
    with acme.dock() as dock:
        bind(acme, codes[acme], dock)
        assert dock.topology(topology(aircraft)) == {"result": 0}
        page.until(lambda: page.devices.get(aircraft, {}).get("online"), "the aircraft appears, online")
        assert (page.devices[aircraft]["gateway_sn"], page.devices[aircraft]["kind"]) == (dock.sn, "aircraft")
        assert page.devices[dock.sn]["online"]

        assert dock.topology(topology()) == {"result": 0}
        page.until(lambda: not page.devices[aircraft]["online"], "the aircraft leaves")
        assert page.devices[aircraft]["offline_reason"] == "left_gateway"
        assert page.devices[aircraft]["gateway_sn"] is None

        assert dock.topology(topology(aircraft)) == {"result": 0}
        page.until(lambda: page.devices[aircraft]["online"], "the aircraft returns")
        # Nobody says anything now.
        page.until(lambda: not page.devices[dock.sn]["online"], "silence is noticed", SILENCE_SECONDS + 10)
        assert page.devices[dock.sn]["offline_reason"] == "silent"
        page.until(lambda: not page.devices[aircraft]["online"], "its aircraft is offline too")

        def is_back() -> bool:
            dock.telemetry(dock.sn, {"mode_code": 1})
            return bool(page.devices[dock.sn]["online"])

        page.until(is_back, "telemetry brings it back", 4)
        assert page.devices[dock.sn]["offline_reason"] == ""

    shell(
        lively,
        f"""
from devices import ownership
from devices.models import Device
ownership.release(device=Device.objects.unscoped().get(sn="{aircraft}"))
print(1)
""",
    )
    page.until(lambda: aircraft not in page.devices, "a released device disappears")
    assert dock.sn in page.devices


def test_at_most_four_frames_a_second(page: Page, dock: Gateway) -> None:
    page.until(lambda: dock.sn in page.devices, "the dock appears")
    page.read(0.5)
    stop = threading.Event()
    sent = itertools.count(1)
    last = 0

    def talk() -> None:
        nonlocal last
        while not stop.wait(0.02):
            last = next(sent)
            dock.telemetry(dock.sn, {"counter": last, f"part_{last % 7}": last})

    talker = threading.Thread(target=talk)
    talker.start()
    already, began = len(page.frames), time.monotonic()
    page.read(5)
    took = time.monotonic() - began
    stop.set()
    talker.join()
    frames = page.frames[already:]
    page.until(lambda: page.value(dock.sn, "counter") == last, "the newest value arrives")
    print(f"\n{last} messages, {len(frames)} frames in {took:.1f} s")  # noqa: T201
    assert last > 150, "the machine is too busy to tell"
    assert 10 <= len(frames) <= 4 * took + 1
    arrivals = [at for at, _frame in frames]
    # Five arrivals span four ticks; the network may shift one a little.
    assert all(later - earlier > 0.8 for earlier, later in zip(arrivals, arrivals[4:], strict=False)), arrivals


def test_nothing_of_another_organization_arrives(
    acme: Tenant, other: Tenant, codes: dict[Tenant, str], page: Page, dock: Gateway, lively: Platform
) -> None:
    cookie = log_in(lively.http_url, other.users["operator"])
    aircraft = new_sn("AIR")
    with other.dock() as stranger, Page(lively.http_url, other.workspace_id, cookie) as others:
        bind(other, codes[other], stranger)
        stranger.topology(topology(aircraft))
        for number in range(1, 6):
            stranger.telemetry(stranger.sn, {"secret": number})
            stranger.telemetry(aircraft, {"secret": number})
            dock.telemetry(dock.sn, {"ours": number})
            # Each claims the other's serial number in what it sends.
            dock.publish(f"thing/product/{dock.sn}/osd", f'{{"gateway":"{stranger.sn}","data":{{"claimed":{number}}}}}')
            page.read(0.2)
        others.until(lambda: others.value(aircraft, "secret") == 5, "theirs arrive at them")
        page.until(lambda: page.value(dock.sn, "claimed") == 5, "ours arrive at us")
        page.read(0.6)
        others.read(0.1)
    assert not {stranger.sn, aircraft} & page.devices.keys()
    assert others.devices.keys() == {stranger.sn, aircraft}
    assert "secret" not in str(page.frames)
    assert stranger.sn not in str(page.frames)
    assert dock.sn not in str(others.frames)


# --- what a browser asks for ------------------------------------------------------------------------------------------
def values_of(page: Page, sn: str, kind: str) -> list[dict[str, Any]]:
    return [
        update["values"]
        for _at, frame in page.frames
        if frame["type"] == kind
        for update in frame["devices"]
        if update["sn"] == sn and "values" in update
    ]


def test_a_browser_gets_a_few_values_and_all_of_what_it_opens(
    acme: Tenant, dock: Gateway, lively: Platform, operator: str
) -> None:
    with Page(lively.http_url, acme.workspace_id, operator, query="?detail=summary") as browser:
        browser.until(lambda: dock.sn in browser.devices, "the dock appears")
        whole = {"mode_code": 1, "job_number": 3, "drone_charge_state": {"capacity_percent": 9, "x": 1}}
        dock.telemetry(dock.sn, whole)
        browser.until(lambda: browser.value(dock.sn, "mode_code") == 1, "what a list shows arrives")
        assert browser.devices[dock.sn]["values"] == {"mode_code": 1, "drone_charge_state": {"capacity_percent": 9}}

        for nonsense in ("", "null", "[]", '{"type":"open"}', '{"type":"open","sn":5}', "x" * 1000, b"\xff"):
            browser.say(nonsense)
        browser.say({"type": "open", "sn": "NOT-HERE"})
        browser.say({"type": "open", "sn": dock.sn})
        browser.until(lambda: dock.sn in browser.details, "all values arrive")
        assert values_of(browser, dock.sn, "details") == [whole]
        dock.telemetry(dock.sn, {"mode_code": 1, "job_number": 4})
        browser.until(lambda: browser.details[dock.sn]["job_number"] == 4, "a change arrives")
        assert values_of(browser, dock.sn, "details") == [whole, {"job_number": 4}]
        assert "job_number" not in browser.devices[dock.sn]["values"]

        browser.say({"type": "close", "sn": dock.sn})
        browser.read(0.6)
        dock.telemetry(dock.sn, {"mode_code": 2, "job_number": 5})
        browser.until(lambda: browser.value(dock.sn, "mode_code") == 2, "the list goes on")
        browser.read(0.6)
        assert browser.details[dock.sn]["job_number"] == 4
        browser.say({"type": "open", "sn": dock.sn})
        browser.until(lambda: browser.details[dock.sn]["job_number"] == 5, "opened again, it is up to date")
        assert browser.connections == 1


def test_what_is_not_in_the_workspace_cannot_be_opened(
    acme: Tenant, other: Tenant, codes: dict[Tenant, str], dock: Gateway, lively: Platform, operator: str
) -> None:
    with (
        other.dock() as stranger,
        Page(lively.http_url, acme.workspace_id, operator, query="?detail=summary") as browser,
    ):
        bind(other, codes[other], stranger)
        for sn in (stranger.sn, "NO-SUCH-SN", dock.sn):
            browser.say({"type": "open", "sn": sn})
        browser.until(lambda: dock.sn in browser.details, "ours opens")
        for number in range(4):
            stranger.telemetry(stranger.sn, {"secret": number, "mode_code": number})
            dock.telemetry(dock.sn, {"ours": number})
            browser.read(0.3)
        browser.until(lambda: browser.details[dock.sn].get("ours") == 3, "ours is followed")
        assert stranger.sn not in str(browser.frames)
        assert browser.details.keys() == {dock.sn}

        code = "from devices import ownership\nfrom devices.models import Device\n"
        code += f'ownership.release(device=Device.objects.unscoped().get(sn="{dock.sn}"))\nprint(1)'
        shell(lively, code)
        browser.until(lambda: dock.sn not in browser.devices, "a released device disappears")
        told = len(values_of(browser, dock.sn, "details"))
        dock.telemetry(dock.sn, {"ours": 99})
        browser.say({"type": "open", "sn": dock.sn})
        browser.read(1.5)
        assert len(values_of(browser, dock.sn, "details")) == told


def test_a_new_owner_is_shown_nothing_that_a_device_said_before(
    acme: Tenant, other: Tenant, dock: Gateway, page: Page, lively: Platform
) -> None:
    dock.telemetry(dock.sn, {"latitude": 46.95, "longitude": 7.45, "height": 560, "alarm_state": 1})
    page.until(lambda: page.value(dock.sn, "height") == 560, "the former owner sees it")
    shell(
        lively,
        f"""
from devices import ownership
from devices.models import Device
from workspaces.models import Workspace
ownership.release(device=Device.objects.unscoped().get(sn={dock.sn!r}))
ownership.claim(sns=[{dock.sn!r}], workspace=Workspace.objects.unscoped().get(workspace_id={other.workspace_id!r}))
print(1)
""",
    )
    theirs = log_in(lively.http_url, other.users["operator"])
    for query in ("", "?detail=summary"):
        with Page(lively.http_url, other.workspace_id, theirs, query=query) as opened:
            opened.say({"type": "open", "sn": dock.sn})
            opened.read(1.0)
            assert opened.devices[dock.sn]["values"] == {}
            assert opened.details.get(dock.sn, {}) == {}


# --- restarts ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("part", ["web", "mqtt_worker", "valkey"])
def test_it_goes_on_after_a_part_was_killed(
    part: str, lively: Platform, page: Page, acme: Tenant, codes: dict[Tenant, str], operator: str
) -> None:
    with acme.dock() as dock:
        bind(acme, codes[acme], dock)
        dock.telemetry(dock.sn, {"before": 1})
        page.until(lambda: page.value(dock.sn, "before") == 1, "values arrive before")
        lively.kill(part, signal.SIGKILL)
        dock.telemetry(dock.sn, {"meanwhile": 2})
        lively.start_process(part)
        began, numbers = time.monotonic(), itertools.count(1)

        def arrives() -> bool:
            supervised(lively)
            dock.telemetry(dock.sn, {"after": next(numbers)})
            return bool(page.value(dock.sn, "after"))

        page.until(arrives, "values arrive again", 30)
        print(f"\n{part}: live again after {time.monotonic() - began:.1f} s, {page.connections} connections")  # noqa: T201
        with Page(lively.http_url, acme.workspace_id, operator) as later:
            later.until(lambda: later.value(dock.sn, "meanwhile") == 2, "nothing of the time between is lost")
            assert later.devices[dock.sn]["values"].items() >= {"before": 1, "meanwhile": 2}.items()
