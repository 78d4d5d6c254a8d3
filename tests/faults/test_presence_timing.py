"""When a device that leaves is shown offline: seconds from its last sign of life, or from the end of its connection."""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence

import pytest

from tests.faults.faults import until
from tests.faults.field import Field
from tests.faults.fleet import TELEMETRY_SECONDS, Dock
from tests.processes import wait_until

pytestmark = pytest.mark.live

GRACE, LATEST = 30.0, 32.0
AT_ONCE = 2.0
#: So many leave within a second.
RATE = 50
#: Of each kind; all of them with the crowd are 5,000 devices.
DEPARTURES, CROWD = 200, 1700


async def come(docks: Sequence[Dock], *, reporting_every: float = TELEMETRY_SECONDS) -> None:
    """All of them connect, say their topology and begin to report."""

    async def one(number: int, dock: Dock) -> None:
        await asyncio.sleep(number / 50)
        await dock.connect()
        await dock.say_topology()
        dock.reporting = asyncio.create_task(dock.keep_reporting(reporting_every))

    await asyncio.gather(*(one(number, dock) for number, dock in enumerate(docks)))


async def depart(groups: dict[str, Sequence[Dock]]) -> dict[str, dict[str, float]]:
    """Everybody leaves within a few seconds, each kind in its way; kind → SN → when."""
    moments: dict[str, dict[str, float]] = {kind: {} for kind in (*groups, "aircraft leaves")}

    async def one(kind: str, dock: Dock) -> None:
        await asyncio.sleep(random.uniform(0, sum(map(len, groups.values())) / RATE))
        assert dock.reporting is not None
        dock.reporting.cancel()
        if kind == "falls silent":
            # The topology is its last sign of life, the connection stays.
            dock.has_aircraft = False
            now = moments["aircraft leaves"][dock.aircraft] = moments[kind][dock.sn] = time.monotonic()
            await dock.say_topology()
            dock.watch.expect(dock.sn, False)
            assert dock.asked[-1].tries == pytest.approx([now], abs=0.5)
        else:
            dock.report()
            moments[kind][dock.sn] = time.monotonic()
            dock.leave({"says good-bye": "clean", "socket closed": "fin", "socket reset": "reset"}[kind])

    await asyncio.gather(*(one(kind, dock) for kind, docks in groups.items() for dock in docks))
    return moments


def measure(field: Field, each: int, *, crowd: int = 0) -> None:
    """`each` docks of each kind depart, and as many aircraft, while `crowd` further docks report."""
    others = field.settled_docks(crowd)
    field.fleet.run(come(others, reporting_every=10), seconds=180)
    kinds = dict.fromkeys(("says good-bye", "socket closed", "socket reset", "falls silent"), each)
    groups: dict[str, Sequence[Dock]] = {kind: field.settled_docks(number) for kind, number in kinds.items()}
    everybody = [dock for docks in groups.values() for dock in docks]
    watch = field.watch
    field.fleet.run(come(everybody), seconds=60)
    ours = {sn for dock in everybody for sn in (dock.sn, dock.aircraft)}
    wait_until(lambda: not ours.intersection(watch.wrong()), "everybody is shown online", 60)
    alive = sum(watch.shown.values())
    began = len(watch.changes)
    moments = field.fleet.run(depart(groups))
    until(lambda: not ours.intersection(watch.wrong()), 45)
    changes = {change.sn: change.at for change in watch.changes[began:] if not change.online}
    print(f"\nof {alive} devices that are online at first")  # noqa: T201
    print(f"{'departure':<18}{'number':>7}{'min s':>8}{'median':>8}{'max':>8}")  # noqa: T201
    problems: list[str] = []
    for kind, left in moments.items():
        took = {sn: changes[sn] - at for sn, at in left.items() if sn in changes}
        times = sorted(took.values())
        line = f"{kind:<18}{len(times):>7}{times[0]:>8.2f}{statistics.median(times):>8.2f}{times[-1]:>8.2f}"
        print(line, flush=True)  # noqa: T201
        earliest, latest = (0.0, AT_ONCE) if kind == "aircraft leaves" else (GRACE, LATEST)
        problems += [f"{sn}: {kind}, never shown offline" for sn in left if sn not in took]
        problems += [f"{sn}: {kind}, {s:.2f} s" for sn, s in took.items() if not earliest <= s <= latest]
    stayed = {sn for dock in others for sn in (dock.sn, dock.aircraft)}
    problems += [f"{sn}: falsely shown offline" for sn in stayed.intersection(changes)]
    for dock in (*others, *everybody):  # the silent ones are still connected
        field.fleet.loop.call_soon_threadsafe(dock.leave)
    assert not problems, "\n".join(problems)


def test_a_few_departures(small_field: Field) -> None:
    measure(small_field, 10)


@pytest.mark.faults
def test_200_departures_of_each_kind(large_field: Field) -> None:
    measure(large_field, DEPARTURES, crowd=CROWD)
