"""Topology updates in any order, any number of times, end where a simple model ends."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices import heard
from devices.models import Device, TimelineEntry
from tests.factories import Clock, report_topology

pytestmark = pytest.mark.django_db
EXAMPLES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
START = 1_700_000_000_000
GATEWAYS, AIRCRAFT = ("DOCK-X", "DOCK-Y", "RC-Z"), ("PLANE-1", "PLANE-2", "PLANE-3")


@pytest.fixture(autouse=True)
def _it_is_then(clock: Clock) -> None:
    clock.now = heard.moment(START + 10_000)


class Update(NamedTuple):
    at: int
    gateway: str
    named: tuple[str, ...]


class Result(NamedTuple):
    gateway_of: dict[str, str | None]
    online: set[str]


saying = st.tuples(st.sampled_from(GATEWAYS), st.lists(st.sampled_from(AIRCRAFT), unique=True, max_size=3))


@st.composite
def histories(draw: st.DrawFn, *, gateways: Sequence[str] = GATEWAYS) -> tuple[list[Update], list[Update]]:
    """What gateways said, and the same as it is processed: out of order and with repeats."""
    said = draw(st.lists(saying.filter(lambda one: one[0] in gateways), min_size=1, max_size=8))
    updates = [Update(START + 1000 * number, gateway, tuple(named)) for number, (gateway, named) in enumerate(said)]
    repeats = draw(st.lists(st.sampled_from(updates), max_size=4))
    return updates, draw(st.permutations(updates + repeats))


def process(updates: Sequence[Update], *, clock_ahead: int = 0) -> Result:
    """What the tables hold after these updates; nothing of it stays."""
    with transaction.atomic():
        for at, gateway, named in updates:
            report_topology(gateway, *named, timestamp=at + clock_ahead, received_at=at)
        rows = list(Device.objects.unscoped().select_related("gateway"))
        result = Result(
            {row.sn: row.gateway.sn if row.gateway is not None else None for row in rows if row.sn in AIRCRAFT},
            {row.sn for row in rows if row.online},
        )
        ups_and_downs = {
            row.sn: list(TimelineEntry.objects.filter(device=row).exclude(event="moved_to_gateway").order_by("pk"))
            for row in rows
        }
        for entries in ups_and_downs.values():
            assert [entry.event == "online" for entry in entries] == [number % 2 == 0 for number in range(len(entries))]
        transaction.set_rollback(True)
    return result


def model(updates: Sequence[Update]) -> Result:
    """Each gateway's newest word counts. An aircraft is where it was named last, if it is still named there."""
    newest: dict[str, Update] = {}
    named_last: dict[str, Update] = {}
    for update in updates:
        if update.gateway in newest and newest[update.gateway].at > update.at:
            continue  # older than what is stored
        newest[update.gateway] = update
        for sn in update.named:
            named_last[sn] = max(named_last.get(sn, update), update)
    gateway_of = {
        sn: last.gateway if sn in newest[last.gateway].named else None for sn, last in named_last.items()
    }  # fmt: skip
    return Result(gateway_of, {*newest, *(sn for sn, gateway in gateway_of.items() if gateway)})


@EXAMPLES
@given(histories())
def test_any_order_with_repeats_ends_as_the_model_says(history: tuple[list[Update], list[Update]]) -> None:
    _said, processed = history
    known = process(processed)
    expected = model(processed)
    assert {sn: gateway for sn, gateway in known.gateway_of.items() if gateway} == {
        sn: gateway for sn, gateway in expected.gateway_of.items() if gateway
    }
    assert known.online == expected.online


@EXAMPLES
@given(histories(gateways=GATEWAYS[:1]))
def test_one_gateway_ends_with_its_newest_word_in_any_order(history: tuple[list[Update], list[Update]]) -> None:
    said, processed = history
    result = process(processed)
    assert {sn for sn, gateway in result.gateway_of.items() if gateway} == set(said[-1].named)
    assert result.online == {GATEWAYS[0], *said[-1].named}


@EXAMPLES
@given(histories(), st.randoms(use_true_random=False))
def test_gateways_that_each_arrive_in_order_may_interleave_in_any_way(
    history: tuple[list[Update], list[Update]], random: Random
) -> None:
    said, _processed = history
    queues = {gateway: [update for update in said if update.gateway == gateway] for gateway in GATEWAYS}
    interleaved = []
    while any(queues.values()):
        interleaved.append(queues[random.choice([gateway for gateway, queue in queues.items() if queue])].pop(0))
    known, expected = process(interleaved), process(said)
    assert {sn for sn in known.gateway_of.items() if sn[1]} == {sn for sn in expected.gateway_of.items() if sn[1]}
    assert known.online == expected.online


@EXAMPLES
@given(histories(), st.integers(-(10**9), 10**12))
def test_a_wrong_clock_of_the_gateways_changes_nothing(history: tuple[list[Update], list[Update]], ahead: int) -> None:
    said, _processed = history
    assert process(said, clock_ahead=ahead) == process(said)
