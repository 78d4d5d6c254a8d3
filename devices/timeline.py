"""Writing the timeline of devices."""

from collections.abc import Iterable
from datetime import datetime

from devices.models import Device, TimelineEntry


def note(devices: Iterable[Device], event: str, at: datetime, detail: str = "") -> None:
    """Add one entry per device, in the caller's transaction."""
    TimelineEntry.objects.bulk_create(
        [TimelineEntry(device=device, at=at, event=event, detail=detail[:200]) for device in devices]
    )
