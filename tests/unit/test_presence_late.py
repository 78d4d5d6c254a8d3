"""Tasks of presence that come too late, or twice, change nothing; many devices at once are one transition each."""

from typing import Any

import pytest

from cloudapi.valkey import client
from devices import heard, presence, tasks
from devices.models import Device, OfflineReason, TimelineEntry
from tests.factories import Clock, device, report_topology

pytestmark = pytest.mark.django_db


@pytest.mark.live
def test_who_is_not_timed_is_not_judged(clock: Clock, valkey: str) -> None:
    """Another task was first and the device is back, or Valkey was emptied since the sweep."""
    report_topology("DOCK-X")
    heard.note({"DOCK-X": clock.ms()})
    clock.forward(seconds=31)
    client().flushall()
    presence.gone_silent(["DOCK-X"])
    assert device("DOCK-X").online


def test_who_was_heard_long_ago_does_not_come_back(clock: Clock) -> None:
    Device.objects.create(sn="DOCK-X", domain=3)
    heard_at = clock.ms()
    clock.forward(seconds=30)
    tasks.heard_again(["DOCK-X"], heard_at)
    assert not device("DOCK-X").online
    tasks.heard_again(["DOCK-X"], heard_at + 1)
    assert device("DOCK-X").online


@pytest.mark.live
def test_a_topology_that_waited_for_long_brings_nobody_back(clock: Clock, valkey: str) -> None:
    """As when Celery's worker is killed with it: it is handled half a minute later, and who said it has left since."""
    said_at = clock.ms()
    clock.forward(seconds=30)
    assert report_topology("DOCK-X", "PLANE", received_at=said_at)
    assert (device("PLANE").gateway, device("PLANE").online) == (device("DOCK-X"), False)
    assert not device("DOCK-X").online
    assert not TimelineEntry.objects.exists()
    tasks.heard_again(["DOCK-X", "PLANE"], clock.ms())
    assert device("DOCK-X").online
    assert device("PLANE").online


@pytest.mark.live
def test_a_topology_that_waited_for_long_counts_for_who_still_reports(clock: Clock, valkey: str) -> None:
    report_topology("DOCK-X", "PLANE")
    report_topology("DOCK-X")
    clock.forward(seconds=1)
    said_at = clock.ms()
    clock.forward(seconds=30)
    heard.note({"DOCK-X": clock.ms(), "PLANE": clock.ms()})
    assert report_topology("DOCK-X", "PLANE", received_at=said_at)
    assert device("PLANE").online


@pytest.mark.live
def test_an_aircraft_has_its_whole_grace_from_when_it_may_report(
    clock: Clock, valkey: str, django_capture_on_commit_callbacks: Any
) -> None:
    """The topology waited while Celery was away, and the broker drops what the aircraft says until it is applied."""
    said_at = clock.ms()
    clock.forward(seconds=26)
    with django_capture_on_commit_callbacks(execute=True):
        report_topology("DOCK-X", "PLANE", received_at=said_at)
    assert heard.last_seen(["DOCK-X", "PLANE"]) == {"DOCK-X": said_at, "PLANE": clock.ms()}


@pytest.mark.live
def test_an_aircraft_that_had_left_and_was_named_long_ago_is_back_with_its_next_message(
    clock: Clock, valkey: str
) -> None:
    report_topology("DOCK-X", "PLANE")
    report_topology("DOCK-X")
    clock.forward(seconds=1)
    said_at = clock.ms()
    clock.forward(seconds=30)
    assert report_topology("DOCK-X", "PLANE", received_at=said_at)
    assert (device("PLANE").online, device("PLANE").offline_reason) == (False, OfflineReason.SILENT)
    tasks.heard_again(["PLANE"], clock.ms())
    assert device("PLANE").online


@pytest.mark.live
def test_who_comes_back_is_timed_although_valkey_was_emptied_since(
    clock: Clock, valkey: str, django_capture_on_commit_callbacks: Any
) -> None:
    Device.objects.create(sn="DOCK-X", domain=3)
    heard.note({"DOCK-X": clock.ms()})
    client().flushall()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.heard_again(["DOCK-X"], clock.ms())
    assert heard.last_seen(["DOCK-X"]) == {"DOCK-X": clock.ms()}


@pytest.mark.live
def test_who_spoke_again_is_still_timed(clock: Clock, valkey: str) -> None:
    said_at = clock.ms()
    heard.note({"DOCK-X": said_at, "DOCK-Y": said_at + 1})
    heard.forget({"DOCK-X": said_at, "DOCK-Y": said_at, "DOCK-Z": said_at})
    assert heard.last_seen(["DOCK-X", "DOCK-Y", "DOCK-Z"]) == {"DOCK-Y": said_at + 1}


@pytest.mark.live
def test_hundreds_go_in_a_few_queries(
    clock: Clock, valkey: str, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    docks = [f"DOCK-{number}" for number in range(200)]
    for dock in docks:
        report_topology(dock, f"{dock}-PLANE")
    everybody = [*docks, *(f"{dock}-PLANE" for dock in docks)]
    heard.note(dict.fromkeys(everybody, clock.ms()))
    clock.forward(seconds=31)
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        presence.gone_silent(everybody)
    assert not Device.objects.unscoped().filter(online=True).exists()
    assert Device.objects.unscoped().filter(offline_reason=OfflineReason.GATEWAY_OFFLINE).count() == 200
    assert TimelineEntry.objects.filter(event="silent").count() == 200
