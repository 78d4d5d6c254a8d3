"""Parts of the platform break while docks bind, flap and report. One row per fault says what became of it.

The columns: docks that were bound when it broke; requests with their first, second and further tries (a try counts from
the moment the platform was mended); acknowledged bindings that are gone or belong to somebody else; the longest time
that a device was shown wrongly, counted from then too; devices that were shown offline although they were there since
before it broke; seconds until the platform answered; memory in MiB, before and after.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.faults.faults import SHORT, TABLE, Breaker, Fault, memory, until
from tests.faults.field import Field
from tests.faults.fleet import Asked, Dock
from tests.processes import wait_until

pytestmark = pytest.mark.live

SHOWN_WRONGLY_SECONDS = ANSWERED_SECONDS = 35.0
#: The grace, and a tick to show what was handled at the end of it.
SETTLED_SECONDS = 31.0
MEASURED = ("mqtt_worker", "celery", "web")
#: Of all processes of a part together. Celery's children keep what an outage of PostgreSQL made them allocate, once.
GROWTH_MIB = 120


@dataclass
class Row:
    fault: Fault
    bound_before: int
    requests: int
    tries: tuple[int, int, int]
    unanswered: list[str]
    late: list[str]
    lost: list[str]
    foreign: list[str]
    worst: tuple[float, str]
    worst_story: str
    false_offline: list[str]
    still_wrong: list[str]
    mended: float
    took: float
    restarts: int
    memory: list[tuple[int, int]]

    def __str__(self) -> str:
        first, second, more = self.tries
        sizes = "  ".join(f"{before:>3}→{after:<3}" for before, after in self.memory)
        return (
            f"{self.fault!s:<26}{self.bound_before:>6}{self.requests:>9}{first:>7}{second:>5}{more:>5}"
            f"{len(self.lost):>6}{len(self.foreign):>7}{self.worst[0]:>8.1f}{len(self.false_offline):>7}"
            f"{self.mended:>8.1f}{self.took:>7.0f}   {sizes}" + (f"  restarts {self.restarts}" if self.restarts else "")
        )

    def problems(self) -> list[str]:
        found = {
            "acknowledged bindings lost": self.lost,
            "bound to the wrong organization": self.foreign,
            "never answered": self.unanswered,
            "answered late": self.late,
            "falsely shown offline": self.false_offline,
            "still shown wrongly": self.still_wrong,
            "wrong for too long": [self.worst_story] if self.worst[0] > SHOWN_WRONGLY_SECONDS else [],
            "memory grew": [
                f"{part} {before} → {after}"
                for part, (before, after) in zip(MEASURED, self.memory, strict=True)
                if after > before + GROWTH_MIB
            ],
        }
        return [f"{self.fault}: {what}: {which[:5]}" for what, which in found.items() if which]


HEADER = (
    f"{'fault':<26}{'bound':>6}{'requests':>9}{'1st':>7}{'2nd':>5}{'more':>5}{'lost':>6}{'owner':>7}{'wrong s':>8}"
    f"{'false':>7}{'mended':>8}{'took':>7}   memory of {', '.join(MEASURED)}"
)


async def live(dock: Dock) -> None:
    """Come, bind, report, and never rest: the aircraft leaves and returns, the connection drops, the binding is asked
    for again."""
    await asyncio.sleep(random.uniform(0, 4))
    await dock.connect()
    reporting = asyncio.create_task(dock.keep_reporting())
    await dock.bind()
    while dock.wanted:
        await dock.say_topology(aircraft=random.random() < 0.7)
        await asyncio.sleep(random.uniform(1, 4))
        if not dock.wanted:
            break
        match random.randrange(4):
            case 0:
                dock.drop(random.choice(("clean", "fin", "reset")))
                await asyncio.sleep(random.uniform(0.5, 3))
                await dock.connect()
                reporting.cancel()
                reporting = asyncio.create_task(dock.keep_reporting())
            case 1:
                await dock.bind()
    await reporting


async def stay(dock: Dock) -> None:
    await dock.connect()
    await dock.say_topology()
    await dock.keep_reporting()


async def depart(docks: Sequence[Dock]) -> None:
    for dock in docks:
        dock.leave(random.choice(("clean", "fin", "reset")))


def run(field: Field, breaker: Breaker, fault: Fault, cohort: Sequence[Dock], leaving: Sequence[Dock]) -> Row:
    fleet, watch, platform = field.fleet, field.watch, field.platform
    began = time.monotonic()
    breaker.restarts = 0
    before = [memory(platform, part) for part in MEASURED]
    lives = [fleet.begin(live(dock)) for dock in cohort]
    wait_until(lambda: sum(dock.bound for dock in cohort) >= len(cohort) // 4, "the first docks are bound", 60)
    fleet.run(depart(leaving))
    bound_before = sum(dock.bound for dock in cohort)
    watch.broken()
    broke = time.monotonic()
    breaker.happen(fault)
    happened = time.monotonic()
    breaker.wait_until_mended(fault)
    watch.recovered()
    mended = time.monotonic()

    def waiting() -> list[Asked]:
        return [one for dock in cohort for one in list(dock.asked) if one.answered_at is None]

    def overdue() -> bool:
        return any(one.tries and one.tries[0] < mended for one in waiting()) or not all(dock.bound for dock in cohort)

    until(lambda: not overdue(), 60)
    gone = {sn for dock in leaving for sn in (dock.sn, dock.aircraft)}
    until(lambda: not set(watch.wrong()) - (set() if fault.departures else gone | departed(field)), 40)
    answered = [one for dock in field.used for one in list(dock.asked) if (one.answered_at or 0) >= broke]
    counts = [sum(moment >= mended for moment in one.tries) or 1 for one in answered]
    owners = field.owners()
    acknowledged = [(sn, dock) for dock in field.used if dock.bound for sn in (dock.sn, dock.aircraft)]
    stuck = set(watch.wrongly_offline())
    until(lambda: not stuck.intersection(watch.wrong()), 10)
    row = Row(
        fault=fault,
        bound_before=bound_before,
        requests=len(answered),
        tries=(counts.count(1), counts.count(2), sum(count > 2 for count in counts)),
        unanswered=[str(one) for one in waiting() if one.tries and one.tries[0] < mended],
        late=[str(one) for one in answered if (one.answered_at or 0) - max(mended, one.tries[0]) > ANSWERED_SECONDS],
        lost=[sn for sn, _dock in acknowledged if sn not in owners],
        foreign=[sn for sn, dock in acknowledged if owners.get(sn, "") not in ("", dock.account.organization_id)],
        worst=watch.figures.worst,
        worst_story=story(field, watch.figures.worst[1]),
        false_offline=watch.figures.false_offline,
        still_wrong=sorted(stuck.intersection(watch.wrong())),
        mended=mended - happened,
        took=time.monotonic() - began,
        restarts=breaker.restarts,
        memory=list(zip(before, (memory(platform, part) for part in MEASURED), strict=True)),
    )
    for one in lives:
        if one.done() and (error := one.exception()):
            raise error
    return row


def story(field: Field, sn: str) -> str:
    return f"{field.watch.story(sn)}; timeline: {field.timeline(sn)[-6:]}" if sn else ""


def departed(field: Field) -> set[str]:
    return {sn for dock in field.used if dock.gone for sn in (dock.sn, dock.aircraft)}


def returned(field: Field) -> list[str]:
    """Who was shown online again after its grace was over. What came in before may be handled within it."""
    watch = field.watch
    left = {sn: watch.truth[sn].since for sn in departed(field)}
    late = SETTLED_SECONDS
    return sorted({one.sn for one in watch.changes if one.online and one.sn in left and one.at > left[one.sn] + late})


def run_table(field: Field, faults: Sequence[Fault], *, steady: int, cohort: int) -> None:
    """`steady` docks with an aircraft each report throughout; for each fault a new cohort comes, the last one goes."""
    breaker = Breaker(field.platform, field.postgres)
    standing = field.settled_docks(steady)
    for dock in standing:
        field.fleet.begin(stay(dock))
    wait_until(lambda: all(field.watch.shown.get(dock.aircraft) for dock in standing), "the steady docks are there", 60)
    print(f"\n{HEADER}")  # noqa: T201
    problems: list[str] = []
    leaving: Sequence[Dock] = ()
    for fault in faults:
        coming = field.docks(cohort)
        row = run(field, breaker, fault, coming, leaving)
        print(row, flush=True)  # noqa: T201
        problems += row.problems()
        leaving = coming
    problems += [f"shown online long after it left: {story(field, sn)}" for sn in returned(field)]
    field.fleet.run(depart([*leaving, *standing]))
    field.watch.recovered()
    if len(faults) > len(SHORT):
        until(lambda: not field.watch.wrong(), SHOWN_WRONGLY_SECONDS)
        problems += [f"shown wrongly in the end: {sn}" for sn in field.watch.wrong()]
    assert not problems, "\n".join(problems)


def test_a_few_faults(small_field: Field) -> None:
    run_table(small_field, SHORT, steady=10, cohort=10)


@pytest.mark.faults
def test_every_fault(flapping_field: Field) -> None:
    run_table(flapping_field, TABLE, steady=100, cohort=50)
