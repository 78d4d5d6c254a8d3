"""Writing the timeline of devices: who came or went, when, and why. `devices.story` makes sentences of it.

Events, and what their details say:

- online: "topology SN", the gateway that named it (its own SN for a gateway), or "telemetry", it was heard again
- left_gateway: SN of the gateway that reported a topology without it
- gateway_offline: SN of its gateway, and why that one went: "SN silent"
- silent: for how long, "30.4 s"
- disconnected: the same, and for a sub-device the gateway that lost its connection: "30.4 s SN"
- connection_lost: nothing; the broker lost the gateway's connection, and its grace runs
- reconnected: how long the connection was lost, "4.2 s"
- joined_workspace: whose doing, and the workspace: "code HINT: …", "user NAME: …", "gateway SN: …"; or the latter alone
- released: the same
- moved_to_gateway: SN of the new gateway
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings

from devices.models import Device, TimelineEntry

#: Changes of owner. They part the time of one owner from the next one's, so they are never pruned.
OWNERSHIP = ("joined_workspace", "released")
_PRUNED_AT_ONCE = 10_000


def note(devices: Iterable[Device], event: str, at: datetime, detail: str = "") -> None:
    """Add one entry per device, in the caller's transaction."""
    note_each([(device, detail) for device in devices], event, at)


def note_each(details: Iterable[tuple[Device, str]], event: str, at: datetime) -> None:
    """Like `note`, with a detail for each device."""
    TimelineEntry.objects.bulk_create(
        [TimelineEntry(device=device, at=at, event=event, detail=detail[:200]) for device, detail in details]
    )


def note_once(device: Device, event: str, at: datetime, detail: str = "") -> None:
    """Like `note`, for what may be told again: the same event of the same moment is one entry."""
    if not TimelineEntry.objects.filter(device=device, event=event, at=at).exists():
        note([device], event, at, detail)


def seconds(milliseconds: int) -> str:
    """A time as details hold it."""
    return f"{max(0, milliseconds) / 1000:.1f} s"


def prune(now: datetime) -> int:
    """Delete entries that are older than TIMELINE_DAYS, a few at a time; returns how many."""
    old = TimelineEntry.objects.filter(at__lt=now - timedelta(days=settings.TIMELINE_DAYS)).exclude(event__in=OWNERSHIP)
    pruned = 0
    while pks := list(old.order_by("pk").values_list("pk", flat=True)[:_PRUNED_AT_ONCE]):
        pruned += TimelineEntry.objects.filter(pk__in=pks).delete()[0]
    return pruned
