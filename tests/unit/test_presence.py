"""Presence: transitions by conditional update, each written down once."""

import pytest

from devices import heard, ownership, presence
from devices.models import Device, OfflineReason, TimelineEntry
from tests.factories import Clock, device, make_bound, report_topology
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
NOW = 1_700_000_000_000
AT = heard.moment(NOW)


@pytest.fixture(autouse=True)
def _it_is_then(clock: Clock) -> None:
    clock.now = heard.moment(NOW + 10_000)


def events(sn: str) -> list[str]:
    return list(TimelineEntry.objects.filter(device__sn=sn).order_by("pk").values_list("event", flat=True))


def state(sn: str) -> tuple[bool, str]:
    return device(sn).online, device(sn).offline_reason


def go_offline(*sns: str, reason: OfflineReason = OfflineReason.SILENT) -> None:
    presence.went_offline([device(sn) for sn in sns], reason, at=AT)


def test_a_gateway_takes_its_aircraft_with_it() -> None:
    report_topology("DOCK-X", "PLANE-1", "PLANE-2", received_at=NOW)
    go_offline("DOCK-X")
    assert state("DOCK-X") == (False, "silent")
    assert state("PLANE-1") == state("PLANE-2") == (False, "gateway_offline")


def test_an_aircraft_that_falls_silent_leaves_its_gateway_online() -> None:
    report_topology("DOCK-X", "PLANE", received_at=NOW)
    go_offline("PLANE")
    assert (state("PLANE"), state("DOCK-X")) == ((False, "silent"), (True, ""))


def test_an_aircraft_that_was_offline_keeps_its_own_reason_when_its_gateway_goes() -> None:
    report_topology("DOCK-X", "PLANE", received_at=NOW)
    go_offline("PLANE")
    go_offline("DOCK-X")
    assert state("PLANE") == (False, "silent")


def test_each_transition_is_written_down_once() -> None:
    report_topology("DOCK-X", received_at=NOW)
    report_topology("DOCK-X", received_at=NOW + 1)
    gateway = device("DOCK-X")
    for _process in range(2):
        presence.went_offline([gateway], OfflineReason.SILENT, at=AT)
    for _process in range(2):
        presence.came_online([gateway], at=AT)
    assert events("DOCK-X") == ["online", "silent", "online"]


def test_the_newest_reason_of_an_offline_device_is_kept_without_an_entry() -> None:
    report_topology("DOCK-X", "PLANE", received_at=NOW)
    go_offline("PLANE")
    report_topology("DOCK-X", received_at=NOW + 1)
    assert state("PLANE") == (False, "left_gateway")
    assert events("PLANE") == ["online", "silent"]


def test_gateways_that_stand_behind_each_other_in_a_circle_go_offline_and_end() -> None:
    for sn in ("A", "B", "C"):
        Device.objects.create(sn=sn, online=True, offline_reason="")
    for sn, behind in (("A", "B"), ("B", "C"), ("C", "A")):
        Device.objects.unscoped().filter(sn=behind).update(gateway=device(sn))
    go_offline("A")
    assert [state(sn)[0] for sn in ("A", "B", "C")] == [False, False, False]


# --- back by telemetry ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "back"),
    [
        (OfflineReason.SILENT, True),
        (OfflineReason.GATEWAY_OFFLINE, True),
        (OfflineReason.DISCONNECTED, True),
        (OfflineReason.LEFT_GATEWAY, False),
    ],
)
def test_telemetry_brings_an_aircraft_back_unless_its_gateway_said_that_it_is_gone(
    reason: OfflineReason, back: bool
) -> None:
    report_topology("DOCK-X", "PLANE", received_at=NOW)
    go_offline("PLANE", reason=reason)
    presence.heard_again(["PLANE", "NOBODY"])
    assert device("PLANE").online is back


def test_telemetry_brings_a_gateway_back_but_no_aircraft_that_never_had_one() -> None:
    Device.objects.create(sn="DOCK-X", domain=3)
    Device.objects.create(sn="PLANE", domain=0)
    Device.objects.create(sn="NEW-KIND", domain=9)
    Device.objects.create(sn="UNKNOWN")
    presence.heard_again(["DOCK-X", "NEW-KIND", "PLANE", "UNKNOWN"])
    assert [device(sn).online for sn in ("DOCK-X", "NEW-KIND", "PLANE", "UNKNOWN")] == [True, True, False, False]


def test_a_released_gateway_leaves_its_aircraft_behind(ours: Workspace, clock: Clock) -> None:
    make_bound(ours, "DOCK-A", "PLANE")
    report_topology("DOCK-A", "PLANE")
    ownership.release(device=device("DOCK-A"))
    assert state("PLANE") == (False, "left_gateway")
    assert device("PLANE").gateway is None
    assert device("PLANE").workspace == ours


def test_topology_brings_back_an_aircraft_that_had_left() -> None:
    report_topology("DOCK-X", "PLANE", received_at=NOW)
    report_topology("DOCK-X", received_at=NOW + 1)
    report_topology("DOCK-X", "PLANE", received_at=NOW + 2)
    assert state("PLANE") == (True, "")
    assert events("PLANE") == ["online", "left_gateway", "online"]


def test_a_released_device_is_offline_because_of_that(ours: Workspace, clock: Clock) -> None:
    make_bound(ours, "DOCK-A", "PLANE")
    report_topology("DOCK-A", "PLANE")
    ownership.release(device=device("PLANE"))
    assert state("PLANE") == (False, "released")
    assert device("PLANE").workspace is None


# --- silence, with the real Valkey ------------------------------------------------------------------------------------
@pytest.mark.live
def test_only_who_is_still_silent_goes_offline(clock: Clock, valkey: str) -> None:
    report_topology("DOCK-X", "PLANE")
    heard.note({"DOCK-X": clock.ms(), "PLANE": clock.ms()})
    clock.forward(seconds=29, milliseconds=999)
    presence.gone_silent(["DOCK-X", "PLANE"])
    assert device("DOCK-X").online
    heard.note({"DOCK-X": clock.ms()})
    clock.forward(milliseconds=1)
    presence.gone_silent(["DOCK-X", "PLANE"])
    assert (state("DOCK-X"), state("PLANE")) == ((True, ""), (False, "silent"))
    assert heard.milliseconds(device("PLANE").last_seen_at) == clock.ms() - 30_000
