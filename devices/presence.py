"""Who is online. Our clock decides, and any message is a sign of life.

The worker notes signs of life (`devices.heard`) and hands SNs whose silence lasts too long to `gone_silent`. Rows
change by conditional update, so that of several processes one makes the transition, writes it to the timeline and tells
the browsers.
"""

from collections.abc import Sequence
from datetime import datetime

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from cloudapi.valkey import after_commit
from devices import heard, live, timeline
from devices.models import Device, OfflineReason

#: An aircraft that its gateway said is gone comes back by topology only: its last OSD may still be under way.
NEEDS_TOPOLOGY = (OfflineReason.LEFT_GATEWAY,)


def came_online(devices: Sequence[Device], *, at: datetime) -> None:
    """Mark devices online, in the caller's transaction."""
    for device in devices:
        offline = Device.objects.unscoped().filter(pk=device.pk, online=False)
        if offline.update(online=True, offline_reason="", last_seen_at=at):
            timeline.note([device], "online", at)


def went_offline(devices: Sequence[Device], reason: OfflineReason, *, at: datetime, detail: str = "") -> None:
    """Mark devices offline with a reason, in the caller's transaction. A gateway takes its sub-devices with it."""
    last_seen = _last_seen([device.sn for device in devices])
    for device in devices:
        seen = {"last_seen_at": heard.moment(last_seen[device.sn])} if device.sn in last_seen else {}
        online = Device.objects.unscoped().filter(pk=device.pk, online=True)
        if online.update(online=False, offline_reason=reason, **seen):
            timeline.note([device], reason, at, detail=detail)
            live.changed([device.sn])
            behind = list(Device.objects.unscoped().filter(gateway=device, online=True))
            went_offline(behind, OfflineReason.GATEWAY_OFFLINE, at=at, detail=device.sn)
        else:
            # It was offline for another reason; the newest one is what people ask for.
            Device.objects.unscoped().filter(pk=device.pk, online=False).update(offline_reason=reason)


@transaction.atomic
def heard_again(sns: Sequence[str]) -> None:
    """Telemetry arrives from devices that are offline: they are back, with their last known topology."""
    back = Device.objects.unscoped().filter(
        Q(gateway__isnull=False) | Q(domain__in=(2, 3)), sn__in=sns, online=False
    ).exclude(offline_reason__in=NEEDS_TOPOLOGY)  # fmt: skip
    devices = list(back.select_for_update(of=("self",)).order_by("sn"))
    came_online(devices, at=heard.moment(heard.now_ms()))
    live.changed([device.sn for device in devices])


@transaction.atomic
def gone_silent(sns: Sequence[str]) -> None:
    """Mark those of `sns` offline that are still silent: between the sweep and this task one may have been heard."""
    now = heard.now_ms()
    deadline = now - int(settings.OFFLINE_AFTER_SECONDS * 1000)
    last_seen = heard.last_seen(sns)
    silent = [sn for sn in sns if last_seen.get(sn, 0) <= deadline]
    rows = Device.objects.unscoped().filter(sn__in=silent, online=True)
    went_offline(list(rows.select_for_update(of=("self",)).order_by("sn")), OfflineReason.SILENT, at=heard.moment(now))
    after_commit(lambda: heard.forget(silent, deadline))


def _last_seen(sns: Sequence[str]) -> dict[str, int]:
    """As `heard.last_seen`; without Valkey the rows keep the moment that they have, and the topology still applies."""
    try:
        return heard.last_seen(sns)
    except redis.RedisError:
        return {}
