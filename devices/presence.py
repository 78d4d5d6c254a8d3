"""Who is online. Our clock decides, and any message is a sign of life.

The worker notes signs of life (`devices.heard`) and hands SNs whose silence lasts too long to `gone_silent`. Rows
change by conditional update, so that of several processes one makes the transition, writes it to the timeline and tells
the browsers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from cloudapi.valkey import after_commit
from devices import connections, heard, live, timeline
from devices.models import Device, OfflineReason

#: An aircraft that its gateway said is gone comes back by topology only: its last OSD may still be under way.
NEEDS_TOPOLOGY = (OfflineReason.LEFT_GATEWAY,)


def came_online(devices: Sequence[Device], *, at: datetime, detail: str = "") -> None:
    """Mark devices online, in the caller's transaction. `detail`: by what (`devices.timeline`)."""
    for device in devices:
        offline = Device.objects.unscoped().filter(pk=device.pk, online=False)
        if offline.update(online=True, offline_reason="", last_seen_at=at):
            timeline.note([device], "online", at, detail=detail)


def went_offline(devices: Sequence[Device], reason: OfflineReason, *, at: datetime, detail: str = "") -> None:
    """Mark devices offline with a reason, in the caller's transaction. A gateway takes its sub-devices with it."""
    last_seen = _last_seen([device.sn for device in devices])
    for device in devices:
        seen = {"last_seen_at": heard.moment(last_seen[device.sn])} if device.sn in last_seen else {}
        online = Device.objects.unscoped().filter(pk=device.pk, online=True)
        if online.update(online=False, offline_reason=reason, **seen):
            timeline.note([device], reason, at, detail=detail or _silence(device, reason, at, last_seen))
            live.changed([device.sn])
            behind = list(Device.objects.unscoped().filter(gateway=device, online=True))
            went_offline(behind, OfflineReason.GATEWAY_OFFLINE, at=at, detail=f"{device.sn} {reason}")
        elif reason == OfflineReason.LEFT_GATEWAY:
            # It was offline for another reason, and this is what people ask for. Silence says nothing new of a device
            # that went with its gateway a moment ago.
            Device.objects.unscoped().filter(pk=device.pk, online=False).update(offline_reason=reason)


@transaction.atomic
def heard_again(sns: Sequence[str]) -> None:
    """Telemetry arrives from devices that are offline: they are back, with their last known topology."""
    back = Device.objects.unscoped().filter(
        Q(gateway__isnull=False) | Q(domain__in=(2, 3)), sn__in=sns, online=False
    ).exclude(offline_reason__in=NEEDS_TOPOLOGY)  # fmt: skip
    devices = list(back.select_for_update(of=("self",)).order_by("sn"))
    came_online(devices, at=heard.moment(heard.now_ms()), detail="telemetry")
    live.changed([device.sn for device in devices])


@transaction.atomic
def gone_silent(sns: Sequence[str]) -> None:
    """Mark those of `sns` offline that are still silent: between the sweep and this task one may have been heard.

    Whose silence is not timed (another task was first, or Valkey was emptied) is not judged.
    """
    now = heard.now_ms()
    deadline = now - int(settings.OFFLINE_AFTER_SECONDS * 1000)
    last_seen = heard.last_seen(sns)
    silent = [sn for sn in sns if last_seen.get(sn, now) <= deadline]
    rows = Device.objects.unscoped().filter(sn__in=silent, online=True).select_related("gateway")
    devices = list(rows.select_for_update(of=("self",)).order_by("sn"))
    for reason, group in _by_reason(devices, last_seen).items():
        went_offline(group, reason, at=heard.moment(now))
    after_commit(lambda: heard.forget(silent, deadline))


@transaction.atomic
def store_skews(skews: Mapping[str, int]) -> None:
    """Keep how far gateways' clocks are off (SN → our clock minus theirs, ms), and show it."""
    for sn, skew in sorted(skews.items()):
        Device.objects.unscoped().filter(sn=sn).update(clock_skew_ms=skew)
    live.changed(list(skews))


def _by_reason(devices: Sequence[Device], last_seen: dict[str, int]) -> dict[OfflineReason, list[Device]]:
    """Why they are silent. Gateways come before the devices behind them, which go with them and for their reason."""
    gateways = {device.sn: device.gateway.sn if device.gateway is not None else device.sn for device in devices}
    lost_since = connections.lost_since(sorted(set(gateways.values())))
    lost = {gateway for gateway, at in lost_since.items() if at >= last_seen.get(gateway, 0)}
    reasons: dict[OfflineReason, list[Device]] = {OfflineReason.DISCONNECTED: [], OfflineReason.SILENT: []}
    for device in sorted(devices, key=lambda device: device.gateway_id is not None):
        reason = OfflineReason.DISCONNECTED if gateways[device.sn] in lost else OfflineReason.SILENT
        reasons[reason].append(device)
    return reasons


def _silence(device: Device, reason: OfflineReason, at: datetime, last_seen: Mapping[str, int]) -> str:
    """How long a device was silent, as the timeline notes it."""
    if device.sn not in last_seen:
        return ""
    silence = timeline.seconds((heard.milliseconds(at) or 0) - last_seen[device.sn])
    if reason == OfflineReason.DISCONNECTED and device.gateway is not None:
        return f"{silence} {device.gateway.sn}"
    return silence


def _last_seen(sns: Sequence[str]) -> dict[str, int]:
    """As `heard.last_seen`; without Valkey the rows keep the moment that they have, and the topology still applies."""
    try:
        return heard.last_seen(sns)
    except redis.RedisError:
        return {}
