"""2,000 gateways reconnect at once, as after a restart of the broker, each with a topology update and telemetry."""

import asyncio
import time

import pytest

from tests.faults.faults import Breaker, Fault, until
from tests.faults.field import Field
from tests.faults.test_presence_timing import come
from tests.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.faults]

GATEWAYS = 2000
LEAVING = 20
SETTLED_SECONDS = 60.0
#: 32 s after the worker has found the broker again, which takes 2,000 connections at the same time.
OFFLINE_SECONDS = 45.0


def test_2000_gateways_reconnect(large_field: Field) -> None:
    field, watch = large_field, large_field.watch
    docks, leaving = field.settled_docks(GATEWAYS), field.settled_docks(LEAVING)
    field.fleet.run(come([*leaving, *docks], reporting_every=10), seconds=180)
    wait_until(lambda: not watch.wrong(), "everybody is shown online", 60)
    watch.broken()
    changes = len(watch.changes)
    breaker, fault = Breaker(field.platform, field.postgres), Fault("kill", ("broker",))
    before = [len(dock.asked) for dock in docks]
    # Some do not come back: they are shown offline in time although thousands of tasks wait.
    for dock in leaving:
        field.fleet.loop.call_soon_threadsafe(dock.leave)
    breaker.happen(fault)
    began = time.monotonic()

    def settled() -> bool:
        return all(
            dock.is_connected and len(dock.asked) > known and all(one.answered_at for one in list(dock.asked))
            for dock, known in zip(docks, before, strict=True)
        )

    in_time = until(settled, SETTLED_SECONDS)
    took = time.monotonic() - began
    # Long enough that a false silence would show.
    until(lambda: time.monotonic() - began > took + 33, 60)
    left = {sn for dock in leaving for sn in (dock.sn, dock.aircraft)}
    changed = watch.changes[changes:]
    gone = {change.sn for change in changed if not change.online} - left
    offline = [change.at - began for change in changed if not change.online and change.sn in left]
    connected = max(dock.connected_at[-1] for dock in docks) - began
    tries = [len(dock.asked[-1].tries) for dock in docks]
    first, last = min(offline, default=0), max(offline, default=0)
    print(  # noqa: T201
        f"\n{GATEWAYS} gateways: all connected after {connected:.1f} s, all topologies confirmed after {took:.1f} s "
        f"({sum(number > 1 for number in tries)} asked again), {len(gone)} falsely offline; "
        f"{len(leaving)} that did not return were offline {first:.1f} to {last:.1f} s after the "
        "broker was back"
    )

    async def leave() -> None:
        for dock in docks:
            dock.leave()
        await asyncio.sleep(0)

    field.fleet.run(leave())
    assert len(offline) == len(left)
    assert last < OFFLINE_SECONDS
    for sn in sorted(gone)[:5]:
        print(sn, [change.at - began for change in changed if change.sn == sn], field.timeline(sn))  # noqa: T201
    assert in_time, f"not settled after {SETTLED_SECONDS} s"
    assert not gone, sorted(gone)[:10]
