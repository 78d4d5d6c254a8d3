"""Platforms with fleets. The large one is for `make faults` alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudapi.platform import servers
from tests.faults.faults import TABLE
from tests.faults.field import Field, prepared


@pytest.fixture(scope="package")
def small_field(
    mosquitto: servers.Mosquitto, static_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    with prepared(tmp_path_factory.mktemp("small"), mosquitto, str(static_root), 90) as made:
        yield made


@pytest.fixture(scope="package")
def large_field(
    mosquitto: servers.Mosquitto, static_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    accounts = 610 + 100 + 50 * len(TABLE) + 2020
    with prepared(tmp_path_factory.mktemp("large"), mosquitto, str(static_root), accounts) as made:
        yield made
