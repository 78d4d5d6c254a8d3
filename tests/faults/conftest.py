"""Platforms with fleets. The large one is for `make faults` alone."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from cloudapi.platform import servers
from tests.faults.faults import TABLE
from tests.faults.field import Field, prepared
from tests.faults.test_presence_timing import CROWD, DEPARTURES
from tests.faults.test_storm import GATEWAYS, LEAVING


@pytest.fixture
def audit_can_be_emptied(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """For tests whose database is emptied after them, which the audit trail refuses. Ask for it before that."""
    migration = import_module("workspaces.migrations.0004_audit_append_only")
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        migration.drop(None, editor)
    yield
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        migration.create(None, editor)


@pytest.fixture(scope="package")
def small_field(
    mosquitto: servers.Mosquitto, static_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    with prepared(tmp_path_factory.mktemp("small"), mosquitto, str(static_root), new=60, settled=60) as made:
        yield made


@pytest.fixture(scope="package")
def large_field(
    mosquitto: servers.Mosquitto, static_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    settled = 10 + 4 * DEPARTURES + CROWD + GATEWAYS + LEAVING
    with prepared(tmp_path_factory.mktemp("large"), mosquitto, str(static_root), new=0, settled=settled) as made:
        yield made


@pytest.fixture(scope="module")
def flapping_field(
    mosquitto: servers.Mosquitto, static_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    """Of its own: each flap changes rights at the broker, which costs the more the more accounts there are."""
    new = 50 * len(TABLE)
    with prepared(tmp_path_factory.mktemp("flapping"), mosquitto, str(static_root), new=new, settled=100) as made:
        yield made
