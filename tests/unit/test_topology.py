"""`update_topo`: which aircraft stands behind which gateway, and whose it is."""

import pytest

from devices import heard, ownership
from devices.models import TimelineEntry
from mqtt_bridge.results import INVALID_PARAMETER, TOPOLOGY_REFUSED
from tests.factories import (
    Clock,
    device,
    make_bound,
    make_gateway,
    make_workspace,
    report_topology,
    send,
)
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
NOW = 1_700_000_000_000


@pytest.fixture(autouse=True)
def _it_is_then(clock: Clock) -> None:
    clock.now = heard.moment(NOW + 10_000)


def update(gateway: str, *subs: object, timestamp: object = None, **product: object) -> dict[str, int]:
    """The answer to an update that names these sub-devices, as SNs or as JSON objects."""
    named = [{"sn": sub, "domain": 0, "type": 91, "sub_type": 1} if isinstance(sub, str) else sub for sub in subs]
    data = {"domain": 3, "type": 2, "sub_type": 0, **product, "sub_devices": named}
    return send(gateway, "update_topo", data, kind="status", timestamp=timestamp)


def gateway_of(sn: str) -> str | None:
    gateway = device(sn).gateway
    return gateway.sn if gateway is not None else None


# --- what it stores ---------------------------------------------------------------------------------------------------
def test_a_gateway_that_nobody_owns_is_answered_and_kept_unclaimed(db: None) -> None:
    assert update("DOCK-X", "PLANE", type=9999) == {"result": 0}
    gateway, aircraft = device("DOCK-X"), device("PLANE")
    assert (gateway.workspace, gateway.online, gateway.model_key) == (None, True, "3-9999-0")
    assert (aircraft.workspace, aircraft.online, aircraft.gateway) == (None, True, gateway)


def test_numbers_arrive_as_text_and_the_channel_index_is_kept(db: None) -> None:
    sub = {"sn": "PLANE", "domain": "0", "type": " 91 ", "sub_type": "1", "index": "A", "thing_version": "1.1.2"}
    assert update("DOCK-X", sub, domain="3", type="2", sub_type=None, thing_version="1.0\0.0") == {"result": 0}
    aircraft = device("PLANE")
    assert (aircraft.model_key, aircraft.channel_index, aircraft.thing_version) == ("0-91-1", "A", "1.1.2")
    assert (device("DOCK-X").model_key, device("DOCK-X").thing_version) == ("3-2-0", "1.0.0")


def test_what_a_message_leaves_out_stays_as_it_is_known(db: None) -> None:
    update("DOCK-X", "PLANE")
    assert send("DOCK-X", "update_topo", {"sub_devices": [{"sn": "PLANE"}]}, kind="status") == {"result": 0}
    assert (device("PLANE").model_key, device("DOCK-X").model_key) == ("0-91-1", "3-2-0")


@pytest.mark.parametrize("odd", [-1, 256, 2**31, 10**30, 1e300, 0.5, "", "x", "\uff11", "9" * 400, "-0", None])
def test_numbers_out_of_range_are_unknown_and_answered(db: None, odd: object) -> None:
    sub = {"sn": "PLANE", "domain": 0, "type": odd, "sub_type": odd, "index": odd}
    assert update("DOCK-X", sub, type=odd, sub_type=odd) == {"result": 0}
    assert send("DOCK-Y", "update_topo", {"domain": odd, "sub_devices": []}, kind="status") == {"result": 0}


@pytest.mark.parametrize("timestamp", [None, 0, -5, 10**30, 1.5, True, "soon", "1700000000000", [], {}, 2**53 - 1])
def test_a_strange_timestamp_does_not_matter(db: None, timestamp: object) -> None:
    assert update("DOCK-X", "PLANE", timestamp=timestamp) == {"result": 0}
    assert gateway_of("PLANE") == "DOCK-X"


@pytest.mark.parametrize(
    "data",
    [None, [], "x", {"sub_devices": None}, {"sub_devices": {}}, {"sub_devices": ["PLANE"]}, {"sub_devices": [None]},
     {"sub_devices": [{"sn": None}]}, {"sub_devices": [{}]}, {"sub_devices": [{"sn": "A\n"}]}, {"domain": []},
     {"sub_devices": [{"sn": "S" * 65}]}, {"sub_devices": [{"sn": "A#"}]}, {"domain": True}],
)  # fmt: skip
def test_a_malformed_update_is_refused_and_stores_nothing(ours: Workspace, data: object) -> None:
    make_bound(ours, "DOCK-A")
    report_topology("DOCK-A", "PLANE")
    assert send("DOCK-A", "update_topo", data, kind="status") == {"result": INVALID_PARAMETER}
    assert gateway_of("PLANE") == "DOCK-A"


# --- coming, leaving, moving ------------------------------------------------------------------------------------------
def test_no_sub_devices_means_that_the_aircraft_left_and_the_gateway_stays(db: None) -> None:
    report_topology("DOCK-X", "PLANE", received_at=NOW)
    report_topology("DOCK-X", received_at=NOW + 1000)
    aircraft, gateway = device("PLANE"), device("DOCK-X")
    assert (aircraft.gateway, aircraft.online, aircraft.offline_reason) == (None, False, "left_gateway")
    assert gateway.online
    entry = TimelineEntry.objects.filter(device=aircraft).latest("pk")
    assert (entry.event, entry.detail, entry.at) == ("left_gateway", "DOCK-X", heard.moment(NOW + 1000))


def test_two_aircraft_at_one_gateway_leave_one_by_one(db: None) -> None:
    report_topology("DOCK-X", "PLANE-1", "PLANE-2", received_at=NOW)
    report_topology("DOCK-X", "PLANE-2", received_at=NOW + 1)
    assert (gateway_of("PLANE-1"), gateway_of("PLANE-2")) == (None, "DOCK-X")


@pytest.mark.parametrize("order", ["as sent", "turned round"])
def test_an_aircraft_moves_to_the_gateway_that_named_it_last(db: None, order: str) -> None:
    moves = [("DOCK-X", NOW), ("RC-Y", NOW + 5)]
    for gateway, at in moves if order == "as sent" else reversed(moves):
        assert report_topology(gateway, "PLANE", received_at=at)
    assert gateway_of("PLANE") == "RC-Y"
    assert device("PLANE").online


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_the_gateway_that_an_aircraft_left_does_not_take_it_from_the_next(db: None, order: tuple[int, ...]) -> None:
    said = [("DOCK-X", ["PLANE"], NOW), ("RC-Y", ["PLANE"], NOW + 5), ("DOCK-X", [], NOW + 9)]
    for number in order:
        gateway, named, at = said[number]
        report_topology(gateway, *named, received_at=at)
    assert gateway_of("PLANE") == "RC-Y"
    assert device("PLANE").online


def test_older_than_what_is_stored_changes_nothing(db: None) -> None:
    assert report_topology("DOCK-X", "PLANE", timestamp=NOW + 10, received_at=NOW + 20)
    assert not report_topology("DOCK-X", timestamp=NOW + 9, received_at=NOW + 21)
    assert not report_topology("DOCK-X", timestamp=NOW + 10, received_at=NOW + 19)
    assert gateway_of("PLANE") == "DOCK-X"
    assert report_topology("DOCK-X", timestamp=NOW + 10, received_at=NOW + 20)  # the same message again


def test_a_clock_that_ran_ahead_does_not_shut_out_what_follows(db: None) -> None:
    report_topology("DOCK-X", "PLANE", timestamp=NOW + 10**9, received_at=NOW)
    assert report_topology("DOCK-X", timestamp=NOW + 5, received_at=NOW + 10)
    assert gateway_of("PLANE") is None


def test_a_clock_that_was_set_back_shuts_nothing_out_for_longer_than_a_minute(clock: Clock) -> None:
    report_topology("DOCK-X", "PLANE", timestamp=NOW, received_at=NOW)
    hour = 3_600_000
    assert not report_topology("DOCK-X", timestamp=NOW - hour + 60_000, received_at=NOW + 60_000)
    assert report_topology("DOCK-X", timestamp=NOW - hour + 60_001, received_at=NOW + 60_001)
    assert gateway_of("PLANE") is None
    assert report_topology("DOCK-X", "PLANE", timestamp=NOW - hour + 60_500, received_at=NOW + 60_500)
    clock.forward(seconds=61)
    assert not report_topology("DOCK-X", timestamp=NOW, received_at=NOW), "a task of before that was done late"


def test_when_our_own_clock_was_set_back_topologies_still_count(clock: Clock) -> None:
    hour = 3_600_000
    assert report_topology("DOCK-X", "PLANE", timestamp=NOW + hour, received_at=NOW + hour)
    assert report_topology("DOCK-X", timestamp=NOW, received_at=NOW)
    assert gateway_of("PLANE") is None


# --- whose it is ------------------------------------------------------------------------------------------------------
def test_an_unowned_aircraft_joins_the_workspace_of_its_gateway(ours: Workspace) -> None:
    make_bound(ours, "DOCK-A")
    assert update("DOCK-A", "PLANE") == {"result": 0}
    assert device("PLANE").workspace == ours


def test_an_aircraft_of_another_workspace_of_the_organization_stays_in_it(ours: Workspace) -> None:
    other = make_workspace(ours.organization)
    make_bound(ours, "DOCK-A")
    ownership.claim(sns=["PLANE"], workspace=other)
    assert update("DOCK-A", "PLANE") == {"result": 0}
    assert (device("PLANE").workspace, gateway_of("PLANE")) == (other, "DOCK-A")


def test_an_unbound_gateway_may_name_aircraft_of_its_own_organization(ours: Workspace) -> None:
    ownership.claim(sns=["PLANE"], workspace=ours)
    assert update(make_gateway(ours), "PLANE") == {"result": 0}
    assert update("STRANGER", "PLANE") == {"result": TOPOLOGY_REFUSED}


REFUSED = {
    "aircraft of another organization": ["PLANE-B"],
    "dock of another organization that has not bound": ["DOCK-C"],
    "account whose model is not known": ["DOCK-D"],
    "itself": ["DOCK-A"],
    "another gateway": ["DOCK-E"],
    "a sub-device that says it is a dock": [{"sn": "NEW", "domain": 3, "type": 2}],
    "65 sub-devices": [f"PLANE{number}" for number in range(65)],
    "65 times the same": ["NEW"] * 65,
}


@pytest.mark.parametrize("named", REFUSED.values(), ids=REFUSED)
def test_what_a_gateway_may_not_say_is_refused_audited_and_changes_nothing(
    ours: Workspace, theirs: Workspace, clock: Clock, named: list[object]
) -> None:
    make_bound(ours, "DOCK-A", "PLANE-A")
    make_bound(theirs, "DOCK-B", "PLANE-B")
    make_gateway(theirs, "DOCK-C")
    make_gateway(theirs, "DOCK-D", model_key="")
    make_gateway(ours, "DOCK-E")
    update("DOCK-A", "PLANE-A")
    clock.forward(seconds=1)
    before = list(type(device("DOCK-A")).objects.unscoped().order_by("sn").values())
    for _twice in range(2):
        assert update("DOCK-A", "FRESH", *named) == {"result": TOPOLOGY_REFUSED}
    assert list(type(device("DOCK-A")).objects.unscoped().order_by("sn").values()) == before
    [entry] = AuditEntry.objects.filter(action="topology.refused", gateway_sn="DOCK-A")
    assert entry.organization == ours.organization
    assert not AuditEntry.objects.filter(action="device.new", target="FRESH").exists()


def test_64_sub_devices_are_fine(ours: Workspace) -> None:
    make_bound(ours, "DOCK-A")
    named = [f"PLANE{number}" for number in range(64)]
    assert update("DOCK-A", *named) == {"result": 0}
    assert device("DOCK-A").sub_devices.count() == 64
