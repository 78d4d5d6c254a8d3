"""Fixtures of the live tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.plain_client import Connect, Device


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`connect(port, username, password)`; all connections end with the test."""
    made: list[Device] = []

    def make(*arguments: Any, **options: Any) -> Device:
        made.append(Device(*arguments, **options))
        return made[-1]

    yield make
    for device in made:
        device.close()
