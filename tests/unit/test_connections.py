"""Connections of gateways to the broker: notices are handled in any order and more than once."""

import itertools
from collections.abc import Callable

import pytest

from devices import connections, heard
from devices.models import TimelineEntry
from tests.factories import Clock, report_topology

pytestmark = [pytest.mark.live, pytest.mark.django_db]
SN = "DOCK-X"


@pytest.fixture(autouse=True)
def _gateway(clock: Clock, valkey: str) -> None:
    report_topology(SN)
    heard.note({SN: clock.ms()})


def returns() -> list[str]:
    entries = TimelineEntry.objects.filter(device__sn=SN, event="reconnected").order_by("pk")
    return list(entries.values_list("detail", flat=True))


def test_grace_runs_from_the_loss_and_not_from_the_last_message(clock: Clock) -> None:
    clock.forward(seconds=20)
    connections.lost(SN, clock.ms())
    assert heard.last_seen([SN]) == {SN: clock.ms()}
    assert connections.lost_since([SN, "OTHER"]) == {SN: clock.ms()}


def test_a_loss_that_is_told_again_prolongs_nothing(clock: Clock) -> None:
    """Whoever knows its SN can have the broker say so: by connections that fail before anybody has logged in."""
    connections.connected(SN, clock.ms())
    clock.forward(seconds=1)
    connections.lost(SN, clock.ms())
    lost_at = clock.ms()
    for _time in range(3):
        clock.forward(seconds=10)
        connections.lost(SN, clock.ms())
    assert heard.last_seen([SN]) == {SN: lost_at}
    assert TimelineEntry.objects.filter(device__sn=SN, event="connection_lost").count() == 1
    clock.forward(seconds=1)
    connections.connected(SN, clock.ms())
    assert connections.lost_since([SN]) == {}


def test_a_return_within_the_grace_is_a_note(clock: Clock) -> None:
    connections.lost(SN, clock.ms())
    clock.forward(seconds=4.2)
    connections.connected(SN, clock.ms())
    assert returns() == ["4.2 s"]
    assert connections.lost_since([SN]) == {}


def test_a_return_after_the_grace_is_none(clock: Clock) -> None:
    """Its telemetry may have brought it back before the notice is handled."""
    connections.lost(SN, clock.ms())
    clock.forward(seconds=30)
    connections.connected(SN, clock.ms())
    assert returns() == []
    assert connections.lost_since([SN]) == {}


def test_a_connection_that_takes_over_leaves_no_trace(clock: Clock) -> None:
    for _time in range(2):
        connections.connected(SN, clock.ms())
        clock.forward(seconds=1)
    assert returns() == []
    assert connections.lost_since([SN]) == {}


def test_any_order_with_repeats_ends_alike(clock: Clock) -> None:
    """Lost, back, lost, back: who is connected at the end is known to be."""
    start = clock.ms()
    clock.forward(seconds=10)
    told: list[tuple[Callable[[str, int], None], int]] = [
        (connections.lost, start + 1_000),
        (connections.connected, start + 2_000),
        (connections.lost, start + 3_000),
        (connections.connected, start + 4_000),
    ]
    for number, order in enumerate(itertools.permutations(told)):
        sn = f"DOCK-{number}"
        for notice, at in (*order, order[0]):
            notice(sn, at)
        assert connections.lost_since([sn]) == {}, order
    for number, order in enumerate(itertools.permutations(told[:3])):
        sn = f"GONE-{number}"
        for notice, at in (*order, order[0]):
            notice(sn, at)
        assert connections.lost_since([sn]) == {sn: start + 3_000}, order
