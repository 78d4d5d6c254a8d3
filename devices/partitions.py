"""The days of the history. On PostgreSQL each is a partition, made ahead and dropped whole."""

from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import connection

from devices.models import TrackPoint

TABLE = "devices_trackpoint"
DAYS_AHEAD = 2


def make(now: datetime) -> None:
    """Make the partitions of today and the next days, where they are missing."""
    if connection.vendor != "postgresql":
        return
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    with connection.cursor() as cursor:
        for day in (today + timedelta(days=number) for number in range(DAYS_AHEAD + 1)):
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {_name(day)} PARTITION OF {TABLE} "
                f"FOR VALUES FROM ('{day.isoformat()}') TO ('{(day + timedelta(days=1)).isoformat()}')"
            )


def drop(now: datetime) -> int:
    """Drop the days that are older than HISTORY_DAYS; returns how many partitions (or rows) went."""
    oldest = datetime.combine(now.astimezone(UTC).date(), time(), UTC) - timedelta(days=settings.HISTORY_DAYS)
    if connection.vendor != "postgresql":
        return TrackPoint.objects.unscoped().filter(at__lt=oldest).delete()[0]
    gone = [name for name in existing() if name < _name(oldest)]
    with connection.cursor() as cursor:
        for name in gone:
            cursor.execute(f"DROP TABLE {name}")
    return len(gone)


def existing() -> list[str]:
    """Names of the partitions, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [TABLE])
        return sorted(name for (name,) in cursor.fetchall())


def _name(day: datetime) -> str:
    return f"{TABLE}_{day:%Y%m%d}"
