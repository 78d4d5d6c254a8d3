"""Whom the ticker judges, and when it gives everybody a fresh grace."""

import time

import msgspec
import pytest

from cloudapi.platform import probes
from cloudapi.valkey import client
from devices import heard, keeping, live, sweep, tasks
from devices import ticker as ticker_module
from devices.buffer import LiveBuffer
from devices.directory import Directory
from devices.models import Device
from devices.ticker import Ticker
from tests import environment
from tests.factories import Clock, report_topology
from tests.processes import Child, wait_until
from workspaces.models import Workspace

pytestmark = [pytest.mark.live, pytest.mark.django_db]


class Ticking:
    """A ticker and those whom it handed over as silent."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = clock
        self.silent: list[str] = []
        self.is_listening = True
        monkeypatch.setattr(tasks.gone_silent, "delay", self.silent.extend)
        monkeypatch.setattr(tasks.heard_again, "delay", lambda *_args: None)
        monkeypatch.setattr(sweep, "SWEEP_SECONDS", 0.0)
        self.buffer, self.directory = LiveBuffer(), Directory()
        self.directory.load()
        self._ticker = Ticker(self.buffer, self.directory, lambda: self.is_listening)
        self.tick()

    def keep_everything(self) -> None:
        self._ticker.keeping.keep_everything()

    def look_up(self, sn: str) -> None:
        self.directory.want([sn])
        self.directory.look_up()

    def tick(self, **later: float) -> list[str]:
        self.clock.forward(**later)
        self._ticker.tick()
        return self.silent


@pytest.fixture
def ticking(clock: Clock, valkey: str, ours: Workspace, monkeypatch: pytest.MonkeyPatch) -> Ticking:
    report_topology("DOCK-X", "PLANE")
    Device.objects.unscoped().update(workspace=ours)
    return Ticking(clock, monkeypatch)


def test_silence_counts_from_30_seconds_on(ticking: Ticking) -> None:
    assert ticking.tick(seconds=29, milliseconds=999) == []
    assert ticking.tick(milliseconds=1) == ["DOCK-X", "PLANE"]


def test_nobody_is_judged_while_we_cannot_hear_and_everybody_has_grace_afterwards(ticking: Ticking) -> None:
    ticking.is_listening = False
    assert ticking.tick(seconds=100) == []
    ticking.is_listening = True
    assert ticking.tick(seconds=1) == []
    assert ticking.tick(seconds=29) == []
    assert ticking.tick(seconds=1) == ["DOCK-X", "PLANE"]


def test_a_process_that_stood_still_gives_grace(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic() + 40
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert ticking.tick(seconds=40) == []
    assert ticking.tick(seconds=29) == []


def test_our_own_clock_that_was_set_forward_gives_grace(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time() + 3_600
    monkeypatch.setattr(time, "time", lambda: now)
    assert ticking.tick(hours=1) == []
    assert ticking.tick(seconds=29) == []


def test_an_emptied_valkey_gives_grace(ticking: Ticking) -> None:
    ticking.clock.forward(seconds=20)
    client().flushall()
    ticking.tick()
    ticking.tick()
    assert heard.last_seen(["DOCK-X", "PLANE"]) == dict.fromkeys(["DOCK-X", "PLANE"], ticking.clock.ms())
    assert ticking.tick(seconds=29) == []
    assert ticking.tick(seconds=1) == ["DOCK-X", "PLANE"]


def test_strangers_that_wait_for_the_database_are_bounded(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker_module, "MAX_STRANGERS", 10)
    for number in range(30):
        ticking.buffer.heard(f"STRANGER{number}", ticking.clock.ms())
    ticking.tick()
    assert len(ticking.buffer.drain().heard) == 10


def test_a_valkey_that_was_started_anew_gets_everything_again(
    ticking: Ticking, ours: Workspace, valkey_server: Child
) -> None:
    """Live values are not on its disk; the queue is."""
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"height":10,"mode_code":0}'), heard.now_ms())
    ticking.tick()
    assert values(ours) == {b"height": b"10", b"mode_code": b"0"}
    client().set("a queue", "is kept")
    valkey_server.stop()
    valkey_server.start()
    wait_until(lambda: probes.valkey(environment.REDIS_URL), "Valkey answers")
    assert client().get("a queue") == b"is kept"
    assert values(ours) == {}
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"height":11,"mode_code":0}'), heard.now_ms())
    ticking.tick()
    assert values(ours) == {b"height": b"11", b"mode_code": b"0"}


@pytest.mark.parametrize("everything", [False, True], ids=["once in a while", "at the worker's end"])
def test_last_known_values_outlive_a_restart_of_everything(
    ticking: Ticking, ours: Workspace, valkey_server: Child, monkeypatch: pytest.MonkeyPatch, everything: bool
) -> None:
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"height":10}'), heard.now_ms())
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"mode_code":0}'), heard.now_ms())
    ticking.tick()
    if everything:
        ticking.keep_everything()
    else:
        ticking.tick()
        later = time.monotonic() + keeping.KEEP_SECONDS
        monkeypatch.setattr(time, "monotonic", lambda: later)
        ticking.tick()
        monkeypatch.undo()
    valkey_server.stop()
    valkey_server.start()
    wait_until(lambda: probes.valkey(environment.REDIS_URL), "Valkey answers")
    assert values(ours) == {b"height": b"10", b"mode_code": b"0"}


OWNERS = ("ours", None, "theirs")


@pytest.mark.parametrize("path", [("ours", "theirs"), OWNERS], ids=["at once", "released in between"])
@pytest.mark.parametrize("is_late", [False, True], ids=["the directory follows", "it learns it at the end"])
def test_a_new_owner_gets_nothing_of_what_a_device_said_before(
    ticking: Ticking, ours: Workspace, theirs: Workspace, path: tuple[str | None, ...], is_late: bool
) -> None:
    owners = {"ours": ours, "theirs": theirs, None: None}
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"latitude":46.9,"height":10}'), heard.now_ms())
    ticking.tick()
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"longitude":7.4}'), heard.now_ms())  # under way meanwhile
    for owner in path[1:]:
        Device.objects.unscoped().filter(sn="PLANE").update(workspace=owners[owner])
        if not is_late:
            ticking.look_up("PLANE")
            ticking.tick()
    ticking.look_up("PLANE")
    ticking.tick()
    assert values(theirs) == {}
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"height":10}'), heard.now_ms())
    ticking.tick()
    assert values(theirs) == {b"height": b"10"}


def test_what_a_device_says_while_it_is_being_bound_is_for_its_owner(
    ticking: Ticking, ours: Workspace, theirs: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    Device.objects.unscoped().filter(sn="PLANE").update(workspace=None)
    ticking.look_up("PLANE")
    ticking.tick()
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"latitude":46.9}'), heard.now_ms())
    ticking.tick()
    later = time.monotonic() + ticker_module.UNOWNED_SECONDS
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: later)
        ticking.tick()
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"height":10}'), heard.now_ms())
    ticking.tick()
    Device.objects.unscoped().filter(sn="PLANE").update(workspace=theirs)
    ticking.look_up("PLANE")
    ticking.tick()
    assert (values(ours), values(theirs)) == ({}, {b"height": b"10"})


def test_a_hash_with_very_many_fields_is_kept_too(ticking: Ticking, ours: Workspace, valkey_server: Child) -> None:
    many = [text for number in range(9_000) for text in (f"key{number}", "1")]
    key = live.values_key(ours.workspace_id, "PLANE")
    client().hset(key, items=many)
    ticking.buffer.merge("PLANE", msgspec.Raw(b'{"height":10}'), heard.now_ms())
    ticking.tick()
    ticking.keep_everything()
    valkey_server.stop()
    valkey_server.start()
    wait_until(lambda: probes.valkey(environment.REDIS_URL), "Valkey answers")
    assert (client().hlen(key), client().hget(key, "height")) == (9_001, b"10")


def values(workspace: Workspace) -> object:
    return client().hgetall(live.values_key(workspace.workspace_id, "PLANE"))
