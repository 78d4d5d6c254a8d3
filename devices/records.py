"""The two statements with which telemetry reaches SQL, however many devices there are."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

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
    records = sorted(records, key=attrgetter("device_pk"))
    rows = [(device_pk, at, *values) for (device_pk, _, _, values), at in zip(records, _moments(records), strict=True)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = [_array(column) for column in zip(*rows, strict=True)]
            cursor.execute(_STATE.format(rows=_POSTGRESQL_ROWS), columns)
        else:
            with transaction.atomic():
                cursor.executemany(_STATE.format(rows=f"VALUES ({_PLACES})"), rows)


def append_track(records: Sequence[Record]) -> None:
    """Append points to the history."""
    rows = [
        (device_pk, workspace_pk, at, *values)
        for (device_pk, workspace_pk, _, values), at in zip(records, _moments(records), strict=True)
    ]
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


def _moments(records: Iterable[Record]) -> list[str | None]:
    """As the database's driver wants them."""
    if connection.vendor == "postgresql":
        return [record.at.isoformat() for record in records]
    return [connection.ops.adapt_datetimefield_value(record.at) for record in records]


def _array(column: Iterable[float | str | None]) -> str:
    """PostgreSQL's text of an array of numbers or moments. The driver's way from a list takes three times as long."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in column])}}}"
