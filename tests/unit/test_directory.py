"""The worker's memory of which device belongs where, and what the tick does with strangers."""

import time

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cloudapi import valkey
from devices import directory as directory_module
from devices import heard
from devices.buffer import Changes, LiveBuffer
from devices.directory import Directory
from devices.models import Device
from devices.ticker import Ticker
from tests.factories import make_bound, report_topology
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def test_it_knows_workspace_and_state_of_all_devices(ours: Workspace) -> None:
    make_bound(ours, "DOCK-A")
    report_topology("DOCK-X")
    directory = Directory()
    directory.load()
    known, unclaimed = directory.get("DOCK-A"), directory.get("DOCK-X")
    assert known is not None
    assert unclaimed is not None
    assert (known.workspace_id, known.online) == (ours.workspace_id, False)
    assert (unclaimed.workspace_id, unclaimed.online) == (None, True)
    assert directory.get("NOBODY") is None
    assert directory.online() == ["DOCK-X"]


def test_it_looks_up_what_was_asked_for_and_remembers_who_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    directory = Directory()
    directory.want(["NEW"])
    directory.look_up()
    assert directory.is_unknown("NEW")
    Device.objects.create(sn="NEW")
    now[0] += 10
    assert not directory.is_unknown("NEW")
    directory.want(["NEW"])
    directory.look_up()
    assert directory.get("NEW") is not None
    Device.objects.unscoped().delete()
    directory.want(["NEW"])
    directory.look_up()
    assert directory.get("NEW") is None


def test_who_leaves_a_workspace_is_named_and_who_joins_one_is_not(ours: Workspace) -> None:
    """What a dock says once while it is being bound is known to nobody else, and must not be forgotten."""
    report_topology("DOCK-X")
    directory = Directory()
    directory.load()
    named = []
    for owner in (ours, None):
        Device.objects.unscoped().filter(sn="DOCK-X").update(workspace=owner)
        directory.want(["DOCK-X"])
        directory.look_up()
        named.append(list(directory.moved))
    assert named == [[], ["DOCK-X"]]


def test_what_changed_without_an_announcement_is_named(ours: Workspace) -> None:
    """A process was killed between its commit and the announcement: browsers do not know either."""
    for sn in ("CAME", "JOINED", "STAYED"):
        Device.objects.create(sn=sn, domain=3)
    directory = Directory()
    assert directory.load() == []
    Device.objects.unscoped().filter(sn="CAME").update(online=True, offline_reason="")
    Device.objects.unscoped().filter(sn="JOINED").update(workspace=ours)
    Device.objects.create(sn="NEW", domain=3, workspace=ours)
    assert sorted(directory.load()) == ["CAME", "JOINED", "NEW"]
    assert directory.load() == []


def test_many_strangers_do_not_fill_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_module, "MAX_UNKNOWN", 10)
    directory = Directory()
    for number in range(30):
        directory.want([f"STRANGER{number}"])
        directory.look_up()
    assert sum(directory.is_unknown(f"STRANGER{number}") for number in range(30)) <= 10


def test_when_valkey_is_down_nothing_is_lost_and_strangers_wait_for_their_look_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobody_listens = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(heard, "client", lambda: nobody_listens)
    monkeypatch.setattr(valkey, "client", lambda: nobody_listens)
    report_topology("DOCK-X")
    buffer, directory = LiveBuffer(), Directory()
    directory.load()
    ticker = Ticker(buffer, directory)
    waiting = Changes({"DOCK-X": {"a": b"1"}, "STRANGER": {"b": b"2"}}, {"DOCK-X": 5, "STRANGER": 6})
    buffer.put_back(waiting)
    ticker.tick()
    assert ticker.failures == 1
    changes = buffer.drain()
    assert changes == Changes({"DOCK-X": {"a": b"1"}, "STRANGER": {"b": b"2"}}, {"DOCK-X": 5, "STRANGER": 6})
    directory.look_up()
    buffer.put_back(changes)
    ticker.tick()
    assert buffer.drain() == Changes({"DOCK-X": {"a": b"1"}}, {"DOCK-X": 5})
