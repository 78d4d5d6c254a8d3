"""Comings and goings that are no departures, and what outages do to presence. In one go, for the grace takes 30 s."""

import asyncio
import time
from uuid import UUID

import pytest
import redis

from devices import live
from tests.faults.faults import Breaker, Fault
from tests.faults.field import Field
from tests.faults.fleet import Dock
from tests.faults.test_presence_timing import come
from tests.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.faults]


def events(field: Field, sn: str) -> list[str]:
    """Its timeline without how it joined, and without the beginnings of losses that came to nothing."""
    return [event for event, _detail in field.timeline(sn) if event not in ("joined_workspace", "connection_lost")]


def value(field: Field, sn: str) -> bool:
    with redis.Redis.from_url(field.platform.redis_url) as client:
        keys = [live.values_key(UUID(tenant.workspace_id), sn) for tenant in field.tenants]
        return any(client.hexists(key, "height") for key in keys)


async def silence(dock: Dock) -> None:
    assert dock.reporting is not None
    dock.reporting.cancel()


async def resume(dock: Dock) -> None:
    dock.reporting = asyncio.create_task(dock.keep_reporting())


async def flap(dock: Dock, how: str) -> None:
    dock.drop(how)
    await asyncio.sleep(1.5)
    await dock.connect()
    await resume(dock)


def test_who_comes_back_in_time_was_never_away(large_field: Field) -> None:
    field, watch = large_field, large_field.watch
    docks = field.settled_docks(7)
    clean, closed, taken_over, sleeper, steady, leaver, late = docks
    field.fleet.run(come(docks))
    wait_until(lambda: not watch.wrong(), "everybody is shown online", 30)
    for dock in (clean, closed):
        field.fleet.run(flap(dock, "clean" if dock is clean else "reset"))
    # The same client id connects again while the old connection still stands; the broker closes that one.
    field.fleet.run(taken_over.connect())
    field.fleet.run(silence(sleeper))
    fell_silent = time.monotonic()
    field.fleet.loop.call_soon_threadsafe(leaver.leave, "clean")
    left = time.monotonic()
    wait_until(
        lambda: events(field, clean.sn) == events(field, closed.sn) == ["online", "reconnected"],
        "both have a note of their return",
    )
    assert events(field, taken_over.sn) == ["online"]

    # Silent in spite of its connection, and gone: both offline, with their aircraft; then one reports again.
    field.fleet.loop.call_soon_threadsafe(watch.expect, sleeper.sn, False)
    field.fleet.loop.call_soon_threadsafe(watch.expect, sleeper.aircraft, False)
    wait_until(lambda: watch.shown[sleeper.sn] is watch.shown[leaver.sn] is False, "both are offline", 45)
    assert time.monotonic() - left >= 30
    assert time.monotonic() - fell_silent >= 30
    wait_until(lambda: not watch.wrong(), "their aircraft too", 5)
    assert events(field, sleeper.sn) == ["online", "silent"]
    assert events(field, leaver.sn) == ["online", "disconnected"]
    field.fleet.run(resume(sleeper))
    for sn in (sleeper.sn, sleeper.aircraft):
        field.fleet.loop.call_soon_threadsafe(watch.expect, sn, True)
    wait_until(lambda: watch.shown[sleeper.sn] and watch.shown[sleeper.aircraft], "it is back with its topology", 10)

    # Valkey forgets everything: values and timers come back, and nobody goes offline.
    with redis.Redis.from_url(field.platform.redis_url) as client:
        client.flushall()
    field.fleet.run(silence(late))
    emptied = time.monotonic()
    wait_until(lambda: value(field, steady.sn) and value(field, steady.aircraft), "values are there again", 10)

    # A worker that is restarted gives everybody, also who is silent already, a fresh 30 s.
    breaker, fault = Breaker(field.platform, field.postgres), Fault("restart", ("mqtt_worker",))
    breaker.happen(fault)
    breaker.wait_until_mended(fault)
    restarted = time.monotonic()
    for sn in (late.sn, late.aircraft):
        field.fleet.loop.call_soon_threadsafe(watch.expect, sn, None)
    wait_until(lambda: watch.shown[late.sn] is False, "who fell silent since is offline", 40)
    assert time.monotonic() - emptied > 30
    assert time.monotonic() - restarted < 33
    assert watch.figures.false_offline == []
    assert events(field, steady.sn) == events(field, steady.aircraft) == ["online"]
    for dock in docks:
        field.fleet.loop.call_soon_threadsafe(dock.leave)
