"""What the figures in docs/performance.md rest on: per message no query, no Celery and no event loop; per tick one
exchange with Valkey; statements that do not grow with devices."""

import asyncio
import json

import pytest
from celery import Celery
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis.client import Pipeline, Redis

from cloudapi.valkey import Exchange, client
from devices import live
from devices.backlog import Backlog
from devices.buffer import LiveBuffer
from devices.directory import Directory
from devices.models import Device
from devices.recorder import Recorder
from devices.ticker import Ticker
from mqtt_bridge.intake import Intake
from mqtt_bridge.message import Message
from workspaces.models import Workspace

pytestmark = [pytest.mark.live, pytest.mark.django_db]


class Counted:
    """What a hot path with some devices asks of others."""

    def __init__(self, workspace: Workspace, devices: int, monkeypatch: pytest.MonkeyPatch) -> None:
        Device.objects.bulk_create(
            Device(sn=f"SN-{devices}-{number}", domain=0, workspace=workspace, online=True, offline_reason="")
            for number in range(devices)
        )
        self.sns = [f"SN-{devices}-{number}" for number in range(devices)]
        directory = Directory()
        directory.load()
        self.buffer = LiveBuffer(directory.docks)
        self.recorder = Recorder(directory)
        self.intake = Intake(self.buffer, self._queue)
        self.ticker = Ticker(self.buffer, directory, recorder=self.recorder)
        self.ticker.tick()
        self.ticker.tick()
        self.workspace_id = workspace.workspace_id
        self.exchanges = self.commands = self.tasks = self.loops = 0
        answers, execute, command = Exchange.answers, Pipeline.execute, Redis.execute_command

        def counted_answers(exchange: Exchange) -> list[object]:
            self.exchanges += 1
            return answers(exchange)

        def counted_execute(pipeline: Pipeline, raise_on_error: bool = True) -> object:
            self.exchanges += 1
            return execute(pipeline, raise_on_error)

        def counted_command(redis: Redis, *arguments: object, **options: object) -> object:
            self.commands += not isinstance(redis, Pipeline)
            return command(redis, *arguments, **options)  # type: ignore[no-untyped-call]

        monkeypatch.setattr(Exchange, "answers", counted_answers)
        monkeypatch.setattr(Pipeline, "execute", counted_execute)
        monkeypatch.setattr(Redis, "execute_command", counted_command)
        monkeypatch.setattr(Celery, "send_task", self._task)
        monkeypatch.setattr(asyncio, "new_event_loop", self._loop)

    def _queue(self, _message: Message) -> None:
        self.tasks += 1

    def _task(self, *_arguments: object, **_options: object) -> None:
        self.tasks += 1

    def _loop(self) -> None:
        self.loops += 1

    def report(self, height: int) -> None:
        for sn in self.sns:
            payload = json.dumps({"timestamp": height, "data": {"height": height, "mode_code": 5}}).encode()
            self.intake.take(f"thing/product/{sn}/osd", payload)
        self.intake.work()


@pytest.fixture(params=[1, 300])
def counted(request: pytest.FixtureRequest, ours: Workspace, valkey: str, monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(ours, request.param, monkeypatch)


def test_a_tick_is_one_exchange_with_valkey_and_nothing_else(counted: Counted) -> None:
    with CaptureQueriesContext(connection) as queries:
        for height in (1, 2, 3):
            counted.report(height)
            before = counted.exchanges
            counted.ticker.tick()
            assert counted.exchanges == before + 1
    assert (len(queries), counted.tasks, counted.loops) == (0, 0, 0)
    assert counted.commands <= 2  # the sweep, twice a second: is Valkey emptied, who is silent
    assert client().hgetall(live.values_key(counted.workspace_id, counted.sns[-1])) == {
        b"height": b"3",
        b"mode_code": b"5",
    }


def test_writing_to_sql_is_as_many_statements_for_all(counted: Counted) -> None:
    counted.report(1)
    counted.ticker.tick()
    with CaptureQueriesContext(connection) as queries:
        counted.recorder.write()
    assert len([query for query in queries if "INSERT" in query["sql"]]) == 2


def test_only_what_has_changed_travels_to_valkey(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    counted.report(1)
    counted.ticker.tick()
    counted.report(2)
    changes = counted.buffer.drain()
    assert changes.values == {sn: {"height": b"2"} for sn in counted.sns}


def test_the_oldest_goes_first_when_too_much_waits_and_its_sender_counts_as_heard() -> None:
    backlog = Backlog(max_bytes=30)
    for number in range(5):
        backlog.put(f"SN-{number}", b"x" * 10, number)
    arrivals, heard = backlog.take()
    assert [sn for sn, _payload, _at in arrivals] == ["SN-2", "SN-3", "SN-4"]
    assert (heard, backlog.dropped) == ({"SN-0": 0, "SN-1": 1}, 2)
    assert backlog.take() == (type(arrivals)(), {})
