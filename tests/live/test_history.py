"""Latest values and tracks in PostgreSQL: `COPY`, and days that come and go as partitions."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.live.tenants import Tenant, shell
from tests.platform import Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live
TRACK = "devices_trackpoint"


class Tables:
    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._connection = connection

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), parameters).fetchall()

    def days(self) -> set[str]:
        """Names of the partitions of the history."""
        found = self.rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", TRACK)
        return {name for (name,) in found}


@pytest.fixture
def tables(platform: Platform) -> Iterator[Tables]:
    with psycopg.connect(platform.env["DATABASE_URL"], autocommit=True) as connection:
        yield Tables(connection)


def day(moment: datetime) -> str:
    return f"{TRACK}_{moment:%Y%m%d}"


def test_the_latest_values_and_a_track_reach_postgresql(platform: Platform, tables: Tables) -> None:
    tenant = Tenant(platform, "History", docks=1)
    heights = itertools.count(1)
    with tenant.dock() as dock:
        data = tenant.bind_data(tenant.code(), dock.sn)
        dock.request("airport_organization_bind", data)

        def fly() -> None:
            dock.telemetry(dock.sn, {"height": next(heights), "latitude": 46.95, "longitude": 7.44, "mode_code": 5})

        def latest() -> list[tuple[Any, ...]]:
            fly()
            return tables.rows(
                "SELECT latitude, longitude, mode_code FROM devices_devicestate"
                " JOIN devices_device ON devices_device.id = device_id WHERE sn = %s", dock.sn,
            )  # fmt: skip

        def track() -> list[tuple[Any, ...]]:
            fly()
            return tables.rows(
                "SELECT t.tableoid::regclass::text, t.at, t.height, w.workspace_id::text FROM devices_trackpoint t"
                " JOIN devices_device d ON d.id = t.device_id JOIN workspaces_workspace w ON w.id = t.workspace_id"
                " WHERE sn = %s ORDER BY at", dock.sn,
            )  # fmt: skip

        wait_until(lambda: bool(latest()), "the latest values are in SQL", 30, every=0.2)
        assert latest() == [(46.95, 7.44, 5)]
        wait_until(lambda: len(track()) >= 2, "two points of a track are in SQL", 60, every=0.2)
        [first, second, *_] = track()
    assert first[0] == day(first[1].astimezone(UTC)), "a point is in the partition of its day"
    assert timedelta(seconds=9) < second[1] - first[1] < timedelta(seconds=20)
    assert 0 < first[2] < second[2]
    assert first[3] == tenant.workspace_id


def test_days_are_made_ahead_and_go_as_a_whole(platform: Platform, tables: Tables) -> None:
    now = datetime.now(UTC)
    old, kept = now - timedelta(days=30), now - timedelta(days=3)
    shell(
        platform,
        f"""
from datetime import datetime
from devices import partitions
for moment in ({old.isoformat()!r}, {kept.isoformat()!r}):
    partitions.make(datetime.fromisoformat(moment))
print(1)
""",
    )
    assert {day(old), day(kept)} <= tables.days()
    [[pk]] = tables.rows("SELECT coalesce(max(id), 1) FROM workspaces_workspace")
    for moment in (old, kept):
        insert = "INSERT INTO devices_trackpoint (device_id, workspace_id, at) VALUES (%s, %s, %s) RETURNING 1"
        tables.rows(insert, pk, pk, moment)
    shell(platform, "from devices.tasks import keep_history\nkeep_history()\nprint(1)")
    days = tables.days()
    assert {day(now + timedelta(days=ahead)) for ahead in range(3)} <= days
    assert day(kept) in days
    assert not {name for name in days if name < day(now - timedelta(days=7))}
    assert tables.rows("SELECT at FROM devices_trackpoint WHERE at < %s ORDER BY at", now - timedelta(days=1)) == [
        (kept,)
    ]
