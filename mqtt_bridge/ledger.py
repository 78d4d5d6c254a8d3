"""Upkeep of the ledger of handled requests."""

from datetime import datetime, timedelta

from mqtt_bridge.models import HandledRequest

KEPT = timedelta(days=1)


def prune(now: datetime) -> int:
    """Delete entries that are older than a day; a device that repeats a request does so within seconds."""
    deleted, _by_model = HandledRequest.objects.filter(handled_at__lt=now - KEPT).delete()
    return deleted
