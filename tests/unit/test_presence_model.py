"""Topology and presence in any order, with repeats and delays, against a simple model.

The ticker, the tasks and the tables are real, and so is Valkey. Tasks do not go through Celery: they lie in a bag, from
which the machine takes them in any order and more than once, while time goes on and further messages come in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cloudapi.valkey import client
from devices import connections, presence, tasks
from devices.buffer import LiveBuffer
from devices.directory import Directory
from devices.models import Device, TimelineEntry
from devices.ticker import Ticker
from tests.factories import Clock, report_topology

pytestmark = [pytest.mark.live, pytest.mark.django_db]

GATEWAYS, AIRCRAFT = ("DOCK-X", "DOCK-Y"), ("PLANE-1", "PLANE-2")
EVERYBODY = (*GATEWAYS, *AIRCRAFT)
GRACE = 30_000
#: How far a gateway's clock differs from ours when it says something, in ms; the last one was set back by an hour.
WHEN = (0, -1_000, -5_000, 9_000, -3_600_000)
CLOCK_SET_BACK = 60_000

gateways, aircraft, everybody = st.sampled_from(GATEWAYS), st.sampled_from(AIRCRAFT), st.sampled_from(EVERYBODY)


@dataclass
class Model:
    """What must hold, in plain dictionaries. Times are in ms.

    heard: whose silence is timed, and since when. said: a gateway's newest topology (sent, received). named: when an
    aircraft was named last.
    """

    online: dict[str, bool] = field(default_factory=dict)
    gateway: dict[str, str] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    said: dict[str, tuple[int, int]] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    connected: dict[str, int] = field(default_factory=dict)
    disconnected: dict[str, int] = field(default_factory=dict)

    def hear(self, sn: str, at: int) -> None:
        self.heard[sn] = max(self.heard.get(sn, 0), at)

    def topology(self, gateway: str, named: frozenset[str], sent_at: int, at: int, now: int) -> None:
        self.online.setdefault(gateway, False)
        for sn in named:
            self.online.setdefault(sn, False)
        said_at, said_came = self.said.get(gateway, (0, 0))
        is_newer = (sent_at, at) >= (said_at, said_came)
        if said_came > at + CLOCK_SET_BACK or not (is_newer or said_came < at - CLOCK_SET_BACK):
            return
        self.said[gateway] = sent_at, at
        there = {sn for sn in named if self.gateway.get(sn) == gateway or self.named.get(sn, 0) <= at}
        for sn in there:
            self.gateway[sn], self.named[sn] = gateway, at
        for sn in [sn for sn, behind in self.gateway.items() if behind == gateway and sn not in named]:
            if self.named[sn] <= at:
                del self.gateway[sn]
                self.online[sn] = False
        for sn in (gateway, *there):
            if max(at, self.heard.get(sn, 0)) > now - GRACE:
                self.online[sn] = True
                self.hear(sn, at if sn == gateway else now)
        self.hear(gateway, at)

    def silent(self, sns: list[str], now: int) -> None:
        gone = [sn for sn in sns if self.heard.get(sn, now) <= now - GRACE]
        behind = [sn for sn, gateway in self.gateway.items() if gateway in gone and self.online[gateway]]
        for sn in self.online.keys() & {*gone, *behind}:
            self.online[sn] = False
        for sn in gone:
            del self.heard[sn]

    def back(self, sns: list[str], at: int, now: int) -> None:
        for sn in sns if at > now - GRACE else ():
            if self.online.get(sn) is False and (sn in GATEWAYS or sn in self.gateway):
                self.online[sn] = True
                self.heard.setdefault(sn, now)

    def has_connected(self, sn: str, at: int) -> None:
        self.connected[sn] = max(self.connected.get(sn, 0), at)
        if self.disconnected.get(sn, at) <= at:
            self.disconnected.pop(sn, None)

    def lost(self, sn: str, at: int) -> None:
        if self.connected.get(sn, 0) > at:
            return
        if sn not in self.disconnected:
            self.hear(sn, at)
        self.disconnected[sn] = max(self.disconnected.get(sn, 0), at)


@dataclass(frozen=True)
class Task:
    """What lies in the bag: what the platform does, and what the model does at the same moment."""

    name: str
    work: Callable[[], object]
    modelled: Callable[[], object]


class Platform(RuleBasedStateMachine):
    """`clock` and `bag` are set by the test."""

    clock: Clock
    bag: list[Task]
    grace_due = is_emptied = False

    @initialize()
    def begin(self) -> None:
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        client().flushall()
        self.bag.clear()
        self.model = Model()
        type(self).current = self.model
        self.tick_anew()

    current: Model

    def teardown(self) -> None:
        if hasattr(self, "transaction"):
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    # --- what comes in ------------------------------------------------------------------------------------------------
    @rule(gateway=gateways, named=st.frozensets(aircraft), when=st.sampled_from(WHEN), at_once=st.booleans())
    def gateway_says_topology(self, gateway: str, named: frozenset[str], when: int, at_once: bool) -> None:
        """A clock that runs ahead is cut back to ours, so that its order is that of arrival."""
        at = self.clock.ms()
        self.hear(gateway)
        self.put(
            Task(
                f"topology of {gateway}",
                lambda: report_topology(gateway, *sorted(named), timestamp=at + when, received_at=at),
                lambda: self.model.topology(gateway, named, min(at, at + when), at, self.clock.ms()),
            ),
            at_once,
        )

    @rule(sn=everybody)
    def device_reports(self, sn: str) -> None:
        self.hear(sn)

    @rule(gateway=gateways, is_connected=st.booleans(), at_once=st.booleans())
    def broker_tells_of_a_connection(self, gateway: str, is_connected: bool, at_once: bool) -> None:
        self.clock.forward(milliseconds=1)  # never the same moment for two notices
        at = self.clock.ms()
        if is_connected:
            task = Task(
                f"{gateway} connected",
                lambda: connections.connected(gateway, at),
                lambda: self.model.has_connected(gateway, at),
            )
        else:
            task = Task(
                f"{gateway} disconnected", lambda: connections.lost(gateway, at), lambda: self.model.lost(gateway, at)
            )
        self.put(task, at_once)

    # --- what goes on -------------------------------------------------------------------------------------------------
    @rule(seconds=st.sampled_from([0.3, 1, 5, 29.5, 31]))
    def time_passes(self, seconds: float) -> None:
        self.clock.forward(seconds=seconds)
        self.tick()

    @precondition(lambda self: self.bag)
    @rule(number=st.integers(0, 1000), again=st.booleans())
    def a_task_is_done(self, number: int, again: bool) -> None:
        """Any of them; `again`: it stays, as the task of a worker that was killed too late."""
        position = number % len(self.bag)
        self.do(self.bag[position] if again else self.bag.pop(position))

    @rule()
    def worker_is_restarted(self) -> None:
        """All who are online get a fresh grace."""
        self.tick_anew()

    @rule()
    def valkey_is_emptied(self) -> None:
        """It forgets the timers, and what it knows of connections. The next tick notices, and the one after that gives
        everybody a fresh grace."""
        client().flushall()
        self.model.heard.clear()
        self.model.connected.clear()
        self.model.disconnected.clear()
        self.is_emptied = True

    @rule(alive=st.frozensets(everybody))
    def all_fall_silent_and_some_return(self, alive: frozenset[str]) -> None:
        """However it came to this: whoever is silent is offline, and who reports is back, with the last topology."""
        self.drain()
        self.clock.forward(seconds=31)
        self.drain()
        assert not Device.objects.unscoped().filter(online=True).exists()
        for sn in sorted(alive):
            self.hear(sn)
        self.drain()
        known = {device.sn: device for device in Device.objects.unscoped().select_related("gateway")}
        returned = {sn for sn in alive & known.keys() if sn in GATEWAYS or known[sn].gateway is not None}
        assert {sn for sn, device in known.items() if device.online} == returned

    # --- what must hold -----------------------------------------------------------------------------------------------
    @invariant()
    def tables_are_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        rows = list(Device.objects.unscoped().select_related("gateway"))
        assert {row.sn: row.online for row in rows} == self.model.online
        assert {row.sn: row.gateway.sn for row in rows if row.gateway is not None} == self.model.gateway
        for row in rows:
            entries = TimelineEntry.objects.filter(device=row).order_by("pk")
            ups = [event == "online" for event in entries.values_list("event", flat=True) if event in TRANSITIONS]
            assert ups == [number % 2 == 0 for number in range(len(ups))], "each transition is written down once"

    # --- how it is done -----------------------------------------------------------------------------------------------
    def put(self, task: Task, at_once: bool) -> None:
        if at_once:
            self.do(task)
        else:
            self.bag.append(task)

    def hear(self, sn: str) -> None:
        self.buffer.heard(sn, self.clock.ms())
        self.tick()

    def tick(self) -> None:
        """Whom we do not know is dropped. What the ticker hands over lies in the bag afterwards."""
        self.directory.load()
        if self.grace_due:
            for sn in [sn for sn, online in self.model.online.items() if online]:
                self.model.hear(sn, self.clock.ms())
        self.grace_due, self.is_emptied = self.is_emptied, False
        heard = [sn for sn in self.buffer._changes.heard if self.directory.get(sn) is not None]
        for sn in heard:
            self.model.hear(sn, self.clock.ms())
        self.ticker.sweep.forget_hand_overs()
        self.ticker.tick()
        self.buffer.drain()
        assert self.ticker.failures == 0

    def tick_anew(self) -> None:
        self.buffer, self.directory = LiveBuffer(), Directory()
        self.directory.load()
        self.ticker = Ticker(self.buffer, self.directory)
        self.grace_due, self.is_emptied = True, False
        self.tick()

    def drain(self) -> None:
        """Everything that waits is done, oldest first, until nothing is left to do."""
        for _round in range(3):
            self.tick()
            while self.bag:
                self.do(self.bag.pop(0))

    def do(self, task: Task) -> None:
        with TestCase.captureOnCommitCallbacks(execute=True):
            task.work()
        task.modelled()


TRANSITIONS = ("online", "left_gateway", "gateway_offline", "silent", "disconnected")


def test_any_history_ends_as_the_model_says(monkeypatch: pytest.MonkeyPatch, clock: Clock, valkey: str) -> None:
    bag: list[Task] = []

    def silent(sns: list[str]) -> None:
        name = f"gone_silent {sns}"
        if not any(task.name == name for task in bag):  # the machine repeats tasks by itself
            bag.append(
                Task(name, lambda: presence.gone_silent(sns), lambda: Platform.current.silent(sns, clock.ms())),
            )

    def returned(sns: list[str], at: int) -> None:
        bag.append(
            Task(
                f"heard_again {sns}",
                lambda: tasks.heard_again(sns, at),
                lambda: Platform.current.back(sns, at, clock.ms()),
            )
        )

    monkeypatch.setattr(tasks.gone_silent, "delay", silent)
    monkeypatch.setattr(tasks.heard_again, "delay", returned)
    monkeypatch.setattr(tasks.store_skews, "delay", lambda _skews: None)
    Platform.clock, Platform.bag = clock, bag
    checks: list[Any] = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    run_state_machine_as_test(
        Platform,
        settings=settings(max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=checks),
    )
