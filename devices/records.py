"""The two statements with which telemetry reaches SQL, however many devices there are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from devices.narrow import Narrow

_COLUMNS = Narrow._fields
_STATE_TYPES = (
    "bigint", "timestamptz", *["float8"] * 7, "smallint", "int",
)  # fmt: skip
_STATE = f"""
    INSERT INTO devices_devicestate (device_id, heard_at, {", ".join(_COLUMNS)}) {{rows}}
    ON CONFLICT (device_id) DO UPDATE SET heard_at = excluded.heard_at,
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
    WHERE devices_devicestate.heard_at <= excluded.heard_at
"""  # nosec B608 (our own column names)
_POSTGRESQL_ROWS = f"SELECT * FROM unnest({', '.join(f'%s::{type_}[]' for type_ in _STATE_TYPES)})"  # noqa: S608  # nosec B608
_PLACES = ", ".join(["%s"] * (2 + len(_COLUMNS)))
_TRACK_COLUMNS = f"device_id, workspace_id, at, {', '.join(_COLUMNS)}"


class Record(NamedTuple):
    """What was known of a device at a moment. `workspace_pk` None: nobody's, so it has no track."""

    device_pk: int
    workspace_pk: int | None
    at: datetime
    narrow: Narrow


def store_states(records: Sequence[Record]) -> None:
    """One row per device: the newer one stays."""
    # In the same order everywhere, so that two workers never wait for each other in a circle.
    rows = [(record.device_pk, _at(record), *record.narrow) for record in sorted(records)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(_STATE.format(rows=_POSTGRESQL_ROWS), columns)
        else:
            with transaction.atomic():
                cursor.executemany(_STATE.format(rows=f"VALUES ({_PLACES})"), rows)


def append_track(records: Sequence[Record]) -> None:
    """Append points to the history."""
    rows = [(record.device_pk, record.workspace_pk, _at(record), *record.narrow) for record in records]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with (
                connection.wrap_database_errors,
                cursor.copy(f"COPY devices_trackpoint ({_TRACK_COLUMNS}) FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
        else:
            statement = f"INSERT OR IGNORE INTO devices_trackpoint ({_TRACK_COLUMNS}) VALUES (%s, {_PLACES})"  # noqa: S608
            with transaction.atomic():
                cursor.executemany(statement, rows)


def _at(record: Record) -> datetime | str | None:
    """As the database's driver wants it."""
    return record.at if connection.vendor == "postgresql" else connection.ops.adapt_datetimefield_value(record.at)
