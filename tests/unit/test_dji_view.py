"""What Pilots and web clients hear on the Cloud API's WebSocket."""

import json
from typing import Any

import pytest

from devices import live
from devices.dji_view import View

AT = 1_700_000_000_000
DOCK = {"sn": "DOCK", "kind": "dock", "model": "DJI Dock 2", "model_key": "3-2-0", "callsign": "", "gateway_sn": None}
RC = {
    "sn": "RC",
    "kind": "controller",
    "model": "RC Plus",
    "model_key": "2-119-0",
    "callsign": "Base",
    "gateway_sn": None,
}
AIR = {"sn": "AIR", "kind": "aircraft", "model": "M30", "model_key": "0-67-0", "callsign": "", "gateway_sn": "RC"}
STATE = {"online": True, "offline_reason": "", "last_seen_at": AT}
FIX = {"latitude": 46.95, "longitude": 7.44, "height": 540.5}
FLIGHT = {"attitude_head": -90, "elevation": 12.5, "horizontal_speed": 3, "vertical_speed": 0}
OFFLINE = {"sn": "AIR", "online_status": False}
#: device_online of a Topo with `gateway_sn`.
AIR_ONLINE = {
    "sn": "AIR",
    "device_callsign": "M30",
    "device_model": {"key": "0-67-0", "device_model_key": "0-67-0", "domain": "0", "type": "67", "sub_type": "0"},
    "model": "M30",
    "online_status": True,
    "bound_status": True,
    "user_id": "",
    "user_callsign": "",
    "icon_urls": {"normal_icon_url": "", "selected_icon_url": ""},
    "gateway_sn": "RC",
    "domain": 0,
}


def delta(*devices: dict[str, Any], kind: str = "delta") -> str:
    return live.frame(kind, AT, devices)


def values(sn: str, **values: Any) -> str:
    return delta({"sn": sn, "last_seen_at": AT, "values": values})


def view(*devices: dict[str, Any], pilot: bool) -> View:
    made = View(is_pilot=pilot)
    made.snapshot(delta(*devices, kind="snapshot"))
    return made


def heard(frames: list[str]) -> list[tuple[str, Any]]:
    """(biz_code, data) of each; checks what they have in common."""
    told = []
    for text in frames:
        assert "null" not in text, text
        frame = json.loads(text)
        assert frame.keys() == {"biz_code", "version", "timestamp", "data"}
        assert (frame["version"], frame["timestamp"]) == ("1.0", AT)
        assert isinstance(frame["data"], dict)
        told.append((frame["biz_code"], frame["data"]))
    return told


# --- positions for Pilot ----------------------------------------------------------------------------------------------
def test_pilot_gets_every_device_at_every_tick() -> None:
    whole = {**FIX, **FLIGHT, "battery": {"capacity_percent": 80}, "mode_code": 3}
    pilot = view(
        DOCK | STATE | {"values": FIX}, RC | STATE | {"values": {**FIX, "capacity_percent": 50}},
        AIR | STATE | {"values": whole}, pilot=True,
    )  # fmt: skip
    expected = [
        ("device_osd", {"sn": "AIR", "host": {**FIX, **FLIGHT}}),
        ("device_osd", {"sn": "DOCK", "host": FIX}),
        ("device_osd", {"sn": "RC", "host": FIX}),
    ]
    assert heard(pilot.osd(AT)) == expected
    assert heard(pilot.osd(AT)) == expected, "also when nothing changed"
    assert heard(pilot.delta(values("AIR", elevation=99.5))) == []
    assert heard(pilot.osd(AT))[0][1]["host"] == {**FIX, **FLIGHT, "elevation": 99.5}
    assert heard(pilot.delta(delta({"sn": "RC", "online": False}))) == [
        ("device_offline", {"sn": "RC", "online_status": False}), ("device_update_topo", {}),
    ]  # fmt: skip
    assert [data["sn"] for _code, data in heard(pilot.osd(AT))] == ["AIR", "DOCK"]


@pytest.mark.parametrize(
    "position",
    [{}, {"latitude": 1.0}, {"latitude": 0, "longitude": 0}, {"latitude": 91, "longitude": 7},
     {"latitude": 46, "longitude": -181},
     {"latitude": "46", "longitude": "7"}, {"latitude": True, "longitude": True}, {"latitude": None, "longitude": 7}],
)  # fmt: skip
def test_without_a_fix_there_is_no_position(position: dict[str, Any]) -> None:
    assert heard(view(AIR | STATE | {"values": position}, pilot=True).osd(AT)) == []


def test_odd_numbers_are_left_out() -> None:
    odd: dict[str, Any] = {**FIX, "height": None, "elevation": "high", "attitude_head": False, "vertical_speed": {}}
    shown = heard(view(AIR | STATE | {"values": odd}, pilot=True).osd(AT))
    assert shown == [("device_osd", {"sn": "AIR", "host": {"latitude": 46.95, "longitude": 7.44}})]


# --- coming and going -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("pilot", [True, False])
@pytest.mark.parametrize("device", [DOCK, RC, AIR], ids=lambda device: device["sn"])
def test_every_device_comes_and_goes(device: dict[str, Any], pilot: bool) -> None:
    topology: list[tuple[str, Any]] = [("device_update_topo", {})] if pilot else []
    seen = view(device | STATE | {"online": False}, pilot=pilot)
    [online, *rest] = heard(seen.delta(delta(device | STATE)))
    assert (online[0], online[1].keys(), rest) == ("device_online", AIR_ONLINE.keys(), topology)
    assert (online[1]["sn"], online[1]["online_status"]) == (device["sn"], True)
    assert online[1]["gateway_sn"] == (device["gateway_sn"] or "")
    assert online[1]["domain"] == int(device["model_key"][0])
    offline = ("device_offline", {"sn": device["sn"], "online_status": False})
    assert heard(seen.delta(delta(device | STATE | {"online": False}))) == [offline, *topology]
    assert heard(seen.delta(delta(device | STATE | {"online": False}))) == []


def test_a_device_comes_online_field_by_field() -> None:
    assert heard(view(pilot=False).delta(delta(AIR | STATE))) == [("device_online", AIR_ONLINE)]
    unknown = {"sn": "X", "kind": "unknown", "model": "", "model_key": "", "callsign": "Hi", "gateway_sn": None} | STATE
    [(_code, data)] = heard(view(pilot=False).delta(delta(unknown)))
    assert data.keys() == AIR_ONLINE.keys() - {"domain"}
    assert (data["device_callsign"], data["user_callsign"], data["device_model"]["domain"]) == ("Hi", "Hi", "")


def test_one_request_for_the_topology_for_a_frame() -> None:
    pilot = view(pilot=True)
    told = heard(pilot.delta(delta(RC | STATE, AIR | STATE)))
    assert [code for code, _data in told] == ["device_online", "device_online", "device_update_topo"]
    moved = heard(pilot.delta(delta({"sn": "AIR", "gateway_sn": "DOCK"}, {"sn": "RC", "callsign": "Other"})))
    assert moved == [("device_update_topo", {})]
    assert heard(pilot.delta(delta({"sn": "RC", "last_seen_at": AT + 1}))) == []


@pytest.mark.parametrize("pilot", [True, False])
def test_a_removed_device_goes_offline_and_is_forgotten(pilot: bool) -> None:
    seen = view(AIR | STATE | {"values": FIX}, pilot=pilot)
    told = heard(seen.delta(delta({"sn": "AIR", "removed": True})))
    assert told == [("device_offline", OFFLINE), *([("device_update_topo", {})] if pilot else [])]
    assert heard(seen.delta(values("AIR", latitude=1.0))) == [], "what was under way when it left"
    assert heard(seen.delta(delta({"sn": "AIR", "removed": True}))) == []
    assert heard(seen.osd(AT)) == []
    seen.delta(delta(AIR | STATE))
    assert heard(seen.osd(AT)) == [], "it comes back without the values of before"


def test_a_device_that_joins_while_it_is_offline_is_no_news_for_web_clients() -> None:
    joining = AIR | STATE | {"online": False}
    assert heard(view(pilot=False).delta(delta(joining))) == []
    assert heard(view(pilot=True).delta(delta(joining))) == [("device_update_topo", {})]


# --- OSD for web clients ----------------------------------------------------------------------------------------------
def test_web_clients_get_whole_osd_when_there_is_news() -> None:
    web = view(RC | STATE | {"values": {"capacity_percent": 50}}, AIR | STATE | {"values": FLIGHT}, pilot=False)
    assert heard(web.osd(AT)) == [
        ("device_osd", {"sn": "AIR", "host": FLIGHT}), ("gateway_osd", {"sn": "RC", "host": {"capacity_percent": 50}}),
    ]  # fmt: skip
    assert heard(web.osd(AT)) == []
    web.delta(values("AIR", elevation=1, mode_code=3))
    web.delta(values("AIR", elevation=2))
    assert heard(web.osd(AT)) == [("device_osd", {"sn": "AIR", "host": {**FLIGHT, "elevation": 2, "mode_code": 3}})]
    web.delta(values("RC", wireless_link={"sdr_quality": 5, "4g_link_state": 0}))
    assert heard(web.osd(AT)) == [
        ("gateway_osd", {"sn": "RC", "host": {
            "capacity_percent": 50, "wireless_link": {"sdr_quality": 5, "4g_link_state": 0},
        }}),
    ]  # fmt: skip


def test_payloads_stand_in_a_list_too() -> None:
    web = view(AIR | STATE | {"values": {"99-0-0": {"gimbal_yaw": 1.5}, "mode_code": 0}}, pilot=False)
    [(_code, data)] = heard(web.osd(AT))
    assert data["host"] == {
        "99-0-0": {"gimbal_yaw": 1.5}, "mode_code": 0, "payloads": [{"payload_index": "99-0-0", "gimbal_yaw": 1.5}],
    }  # fmt: skip


def test_dock_fragments_stay_as_they_came() -> None:
    shapes = [
        {"mode_code": 0, "cover_state": 1, "sub_device": {"device_sn": "AIR", "device_paired": None}},
        {"job_number": 3, "acc_time": None, "list": [{"a": None, "b": 1}]},
        {"wireless_link": {"4g_link_state": 1, "sdr_quality": None}},
    ]
    fragments = live.frame("fragments", AT, [{"sn": "DOCK", "data": shape} for shape in shapes])
    web, pilot = view(DOCK | STATE, pilot=False), view(DOCK | STATE, pilot=True)
    assert heard(web.delta(fragments)) == [
        ("dock_osd", {"sn": "DOCK", "host": {"mode_code": 0, "cover_state": 1, "sub_device": {"device_sn": "AIR"}}}),
        ("dock_osd", {"sn": "DOCK", "host": {"job_number": 3, "list": [{"b": 1}]}}),
        ("dock_osd", {"sn": "DOCK", "host": {"wireless_link": {"4g_link_state": 1}}}),
    ]
    assert heard(pilot.delta(fragments)) == []
    web.delta(values("DOCK", mode_code=0, job_number=3))
    assert heard(web.osd(AT)) == [], "a dock is not sent whole"


@pytest.mark.parametrize("depth", [100, 300, 500, 900])
def test_what_is_nested_deep_ends_no_socket(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    values = b'{"deep":%s,"mode_code":1,"latitude":1,"longitude":2}' % deep
    text = b'{"type":"delta","at":%d,"devices":[{"sn":"AIR","values":%s}]}' % (AT, values)
    for pilot in (True, False):
        seen = view(AIR | STATE, pilot=pilot)
        seen.delta(text.decode())
        [(_code, data)] = heard(seen.osd(AT))
        assert data["host"]["mode_code" if not pilot else "latitude"] == 1
