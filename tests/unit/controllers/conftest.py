"""No broker: its accounts are looked up as amqtt does."""

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.MQTT_BROKER = "amqtt"
