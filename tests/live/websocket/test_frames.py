"""The live state of a workspace as a script with an operator's session sees it."""

import itertools
import threading
import time

import pytest

from tests.live.browser_session import Page
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, new_sn, shell
from tests.live.websocket.scene import SILENCE_SECONDS, bind, topology
from tests.platform import Platform

pytestmark = pytest.mark.live

DESCRIBED = {
    "sn", "kind", "model", "model_key", "callsign", "gateway_sn", "online", "offline_reason", "last_seen_at",
    "clock_skew_ms", "values",
}  # fmt: skip


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
