"""Two workers on Mosquitto's round-robin shared subscription end in the state of one reader that gets all in order."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from django.test import override_settings

from bench.mqtt import Connection, publish_header
from cloudapi.platform import ports, probes, servers
from cloudapi.valkey import client
from devices import live
from devices.buffer import LiveBuffer
from devices.directory import Directory
from devices.models import Device
from devices.ticker import Ticker
from mqtt_bridge import topics
from mqtt_bridge.broker_access import dynsec_file
from mqtt_bridge.intake import Intake
from mqtt_bridge.session import Session
from tests import environment
from tests.factories import make_workspace
from tests.processes import Child, wait_until

pytestmark = [pytest.mark.live, pytest.mark.django_db]
SERVER, PASSWORD = "server", "server-of-the-tests"
MESSAGES = 100_000
#: Odd: with an even number each device's messages would go to the same one of two workers, and prove nothing.
SNS = [f"SHARED-{number:03}" for number in range(101)]
KEYS = [f"key_{number}" for number in range(12)] + ["latitude", "height", "mode_code", "battery"]


@pytest.fixture
def broker_port(mosquitto: servers.Mosquitto, tmp_path: Path) -> Iterator[int]:
    port = ports.free()
    part = servers.mosquitto(mosquitto, f"{port} 127.0.0.1", tmp_path)
    dynsec_file.write(tmp_path / servers.DYNSEC_FILE)
    child = Child(part.argv, tmp_path / "log", env=environment.clean())
    child.start()
    try:
        wait_until(lambda: probes.broker("127.0.0.1", port, SERVER, PASSWORD), "Mosquitto answers")
        with override_settings(MQTT_PORT=port):
            yield port
    finally:
        child.stop()


class Sharer:
    """The parts of mqtt_worker that telemetry passes. `stalls`: 2 % of what it reads makes it stand still."""

    def __init__(self, name: str, *, stalls: bool) -> None:
        self.directory = Directory()
        self.directory.load()
        self.buffer = LiveBuffer(shared=True)
        self.intake = Intake(self.buffer, lambda _message: None)
        self.ticker = Ticker(self.buffer, self.directory, shared=True)
        filters = topics.shared(["thing/product/+/osd"], "sharers")
        self.session = Session(name, filters, self._take, shared=True)
        self._random = random.Random(name)
        self._stalls = stalls
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick)

    def __enter__(self) -> "Sharer":
        self.session.start()
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.session.stop()
        self._stop.set()
        self._thread.join()

    @property
    def received(self) -> int:
        return self.intake.counts["received.osd"]

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        if self._stalls and self._random.random() < 0.02:
            time.sleep(self._random.choice([0.002, 0.002, 0.01, 0.05]))
        self.intake.take(topic, payload, retained=retained)

    def _tick(self) -> None:
        while not self._stop.wait(0.1):
            self.intake.work()
            self.ticker.tick()


def messages() -> Iterator[tuple[str, int, dict[str, object]]]:
    """(SN, timestamp, data): some keys in every message, others now and then, as docks and aircraft send them."""
    rng = random.Random(2)
    start = int(time.time() * 1000) - MESSAGES
    for number in range(MESSAGES):
        keys = KEYS[:4] if number % 3 else rng.sample(KEYS, 6)
        data: dict[str, object] = {
            key: number if key != "battery" else {"capacity_percent": number % 100} for key in keys
        }
        yield SNS[number % len(SNS)], start + number, data


async def publish(port: int, sent: list[tuple[str, bytes]]) -> None:
    connection = Connection("publisher", SERVER, PASSWORD)
    await connection.open("127.0.0.1", port)
    for number, (sn, payload) in enumerate(sent):
        connection.write(publish_header(f"thing/product/{sn}/osd", len(payload)) + payload)
        if number % 100 == 0:
            await asyncio.sleep(0.02)
    await connection.drained()


def test_two_workers_end_in_the_state_of_one_ordered_reader(broker_port: int, valkey: str) -> None:
    workspace = make_workspace()
    Device.objects.bulk_create(Device(sn=sn, domain=0, workspace=workspace) for sn in SNS)
    ordered, sent = LiveBuffer(), []
    for sn, timestamp, data in messages():
        raw = msgspec.json.encode(data)
        ordered.merge(sn, msgspec.Raw(raw), timestamp, timestamp)
        sent.append((sn, b'{"timestamp":%d,"data":%b}' % (timestamp, raw)))
    with Sharer("one", stalls=False) as one, Sharer("two", stalls=True) as two:
        wait_until(lambda: one.session.subscribed.is_set() and two.session.subscribed.is_set(), "both subscribe")
        time.sleep(0.5)
        asyncio.run(publish(broker_port, sent))
        wait_until(lambda: one.received + two.received >= MESSAGES, "all are received", 60)
        print(f"received: {one.received} + {two.received}")  # noqa: T201
        assert min(one.received, two.received) > MESSAGES / 4
        time.sleep(0.5)
    assert {sn: client().hgetall(live.values_key(workspace.workspace_id, sn)) for sn in SNS} == {
        sn: {key.encode(): raw for key, raw in ordered.values(sn).items()} for sn in SNS
    }
