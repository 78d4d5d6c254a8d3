"""The broker, and the cloud at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.simulator.servers import Broker, Cloud


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def cloud(broker: Broker) -> Iterator[Cloud]:
    cloud = Cloud(broker.port)
    yield cloud
    cloud.client.disconnect()
    cloud.client.loop_stop()
