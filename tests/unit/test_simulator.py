"""What the simulator publishes has the documented shapes, its flights are plausible, its faults are as asked for."""

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest

from mqtt_bridge.simulator import aircraft_osd, camera_osd, demo, gateway_osd
from mqtt_bridge.simulator.aircraft_osd import Aircraft
from mqtt_bridge.simulator.flight import Flight, Home, Phase, Plan
from mqtt_bridge.simulator.flight_path import Ramp
from mqtt_bridge.simulator.misbehave import Misbehaviour

FRAMES = Path(__file__).resolve().parents[1] / "fixtures" / "frames"
HOME = Home(46.9561, 7.4822)
DOCKED = Aircraft("1581F000000000000001", "0-91-1", lives_in_dock=True)
SHORT = Plan(idle=5, prepare=5, legs=4, leg_length=100, charge=60)


# --- flight -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(6))
def test_flight_has_no_jumps(seed: int) -> None:
    flight = Flight(HOME, seed, SHORT)
    step = 0.1
    moments = [flight.at(i * step) for i in range(int(flight.cycle_seconds / step))]
    assert {moment.phase for moment in moments} == set(Phase)
    for before, after in pairwise(moments):
        north = (after.latitude - before.latitude) * 111_320
        east = (after.longitude - before.longitude) * 111_320 * math.cos(math.radians(HOME.latitude))
        assert math.hypot(north, east) <= SHORT.speed * step + 0.01
        assert abs(after.elevation - before.elevation) <= SHORT.climb * step + 0.01
        assert abs((after.heading - before.heading + 180) % 360 - 180) <= 60 * step
        assert abs(after.horizontal_speed - before.horizontal_speed) <= 2.0 * step + 0.01
        assert -180 <= after.heading < 180
        assert after.battery <= before.battery + 0.01 or after.phase is Phase.CHARGE


def test_aircraft_looks_where_it_flies() -> None:
    flight = Flight(HOME, 2, SHORT)
    start = flight.starts(Phase.SURVEY)
    before, after = flight.at(start + 10), flight.at(start + 10.05)
    east = (after.longitude - before.longitude) * math.cos(math.radians(HOME.latitude))
    course = math.degrees(math.atan2(east, after.latitude - before.latitude))
    assert abs((course - after.heading + 180) % 360 - 180) < 1


def test_flight_comes_home_charges_and_repeats() -> None:
    flight = Flight(HOME, 1, SHORT)
    assert flight.at(flight.starts(Phase.TAKEOFF)).battery == pytest.approx(100)
    landed = flight.at(flight.starts(Phase.RECOVER))
    assert (landed.home_distance, landed.elevation) == pytest.approx((0, 0))
    assert landed.battery == pytest.approx(30)
    again = flight.at(flight.cycle_seconds + flight.starts(Phase.SURVEY) + 3)
    first = flight.at(flight.starts(Phase.SURVEY) + 3)
    assert (again.latitude, again.longitude) == pytest.approx((first.latitude, first.longitude))
    assert (first.sorties, again.sorties) == (1, 2)


def test_equal_seeds_fly_equal_paths() -> None:
    assert Flight(HOME, 5).at(300) == Flight(HOME, 5).at(300)
    assert Flight(HOME, 5).at(300) != Flight(HOME, 6).at(300)


@pytest.mark.parametrize("distance", [0.0, 1.0, 50.0, 5000.0])
def test_ramp_covers_its_distance(distance: float) -> None:
    ramp = Ramp(distance, top=12, acceleration=2)
    assert ramp.at(ramp.duration) == pytest.approx((distance, 0), abs=1e-6)


# --- payloads ---------------------------------------------------------------------------------------------------------
def test_dock_osd_comes_in_three_shapes() -> None:
    moment = Flight(HOME).at(400)
    parts = [
        gateway_osd.dock_status(DOCKED, moment, HOME, True),
        gateway_osd.dock_work(moment),
        gateway_osd.dock_link(moment, True),
    ]
    for part, marker in zip(parts, ["mode_code", "job_number", "wireless_link"], strict=True):
        assert [marker in each for each in parts] == [each is part for each in parts]
    assert len(set().union(*parts)) == sum(map(len, parts))


def test_dock_says_where_its_aircraft_is() -> None:
    flight = Flight(HOME)
    for phase, mode, in_dock, charging in [(Phase.IDLE, 0, 1, 0), (Phase.SURVEY, 4, 0, 0), (Phase.CHARGE, 0, 1, 1)]:
        status = gateway_osd.dock_status(DOCKED, flight.at(flight.starts(phase) + 1), HOME, True)
        assert (status["mode_code"], status["drone_in_dock"]) == (mode, in_dock)
        assert status["drone_charge_state"]["state"] == charging
    away = gateway_osd.dock_status(DOCKED, flight.at(1), HOME, False)
    assert (away["drone_in_dock"], away["sub_device"]["device_online_status"]) == (0, 0)


def test_aircraft_osd_is_as_large_as_a_real_one() -> None:
    flying = aircraft_osd.osd(DOCKED, Flight(HOME).at(400))
    assert 3_400 < len(json.dumps(flying, separators=(",", ":"))) < 4_200
    assert flying["81-0-0"]["payload_index"] == "81-0-0"


def test_no_fix_in_a_closed_dock() -> None:
    docked = aircraft_osd.osd(DOCKED, Flight(HOME).at(1))
    assert (docked["latitude"], docked["longitude"], docked["position_state"]["is_fixed"]) == (0, 0, 0)
    assert docked["battery"]["remain_flight_time"] == camera_osd.NO_VALUE


def test_partial_reports_add_up_to_the_whole() -> None:
    flight = Flight(HOME)
    old, new = (aircraft_osd.osd(DOCKED, flight.at(t)) for t in (400, 402))
    changed = aircraft_osd.changes(old, new)
    assert "latitude" in changed
    assert "height_limit" not in changed
    assert old | changed == new


@pytest.mark.parametrize("path", sorted(FRAMES.glob("*.json")), ids=lambda path: path.stem)
def test_frames_name_their_source(path: Path) -> None:
    recorded = json.loads(path.read_text())
    assert recorded["source"]
    assert recorded["topic"].count("/") >= 3
    assert {"tid", "bid", "data"} <= recorded["payload"].keys()


# --- misbehaviour -----------------------------------------------------------------------------------------------------
OSD = json.dumps({"tid": "t", "bid": "b", "timestamp": 1, "gateway": "G1", "data": {"mode_code": 0}}).encode()


def sent(misbehaviour: Misbehaviour, count: int = 400) -> list[tuple[str, bytes]]:
    numbered = [OSD.replace(b'"t"', b'"%d"' % number) for number in range(count)]
    return [each for payload in numbered for each in misbehaviour.frames("thing/product/S1/osd", payload)]


def numbers(frames: list[tuple[str, bytes]]) -> list[int]:
    return [int(json.loads(payload)["tid"]) for _, payload in frames]


def test_well_behaved_by_default() -> None:
    assert numbers(sent(Misbehaviour.parse(""))) == list(range(400))


def test_duplicates_and_reordering_lose_nothing() -> None:
    twice = numbers(sent(Misbehaviour.parse("duplicates", seed=1)))
    assert len(twice) > 430
    assert sorted(set(twice)) == list(range(400))
    mixed = numbers(sent(Misbehaviour.parse("reordering", seed=1)))
    assert mixed != sorted(mixed)
    assert set(range(399)) <= set(mixed)


def test_requests_are_never_held_back() -> None:
    misbehaviour = Misbehaviour.parse("reordering", seed=1)
    assert all(misbehaviour.frames("thing/product/S1/requests", OSD) for _ in range(100))


def test_garbage_and_unknown_messages_are_added() -> None:
    assert len(sent(Misbehaviour.parse("garbage", seed=1))) > 430
    unknown = sent(Misbehaviour.parse("unknown", seed=1))
    assert {topic for topic, _ in unknown} == {
        "thing/product/S1/osd",
        "thing/product/G1/requests",
        "thing/product/G1/events",
    }
    assert any("field_of_2099" in json.loads(payload)["data"] for _, payload in unknown)


def test_misbehaviour_is_read_from_text() -> None:
    parsed = Misbehaviour.parse("duplicates, skew=-90000")
    assert (parsed.kinds, parsed.skew_ms) == (frozenset({"duplicates"}), -90_000)
    for wrong in ("explode", "skew", "skew=soon", "garbage=1"):
        with pytest.raises(ValueError, match="no misbehaviour"):
            Misbehaviour.parse(wrong)


# --- demo -------------------------------------------------------------------------------------------------------------
def test_demo_gateways_are_picked_by_domain(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    with pytest.raises(ValueError, match="does not exist"):
        demo.read(path, "3")
    gateways = [
        {"sn": sn, "model_key": model, "mqtt_username": sn.lower(), "mqtt_password": "p"}
        for sn, model in [("RC1", "2-144-0"), ("DOCK1", "3-2-0"), ("DOCK2", "3-2-0")]
    ]
    common = {"mqtt_host": "127.0.0.1", "mqtt_port": 1883, "organization_id": "o", "bind_code": "c"}
    path.write_text(json.dumps({**common, "gateways": gateways}))
    assert [demo.read(path, domain).sn for domain in "32"] == ["DOCK1", "RC1"]
    path.write_text("{}")
    with pytest.raises(ValueError, match="not what"):
        demo.read(path, "3")


def test_derived_aircraft_are_stable_and_distinct() -> None:
    assert demo.aircraft_sn("DOCK1") == demo.aircraft_sn("DOCK1") != demo.aircraft_sn("DOCK2")
    assert len(demo.aircraft_sn("DOCK1")) == 20
