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
from devices import connections, heard, live, locking, timeline
from devices.models import Device, OfflineReason

#: An aircraft that its gateway said is gone comes back by topology only: its last OSD may still be under way.
NEEDS_TOPOLOGY = (OfflineReason.LEFT_GATEWAY,)


def named(gateway: Device, sub_devices: Sequence[Device], *, received_at: int) -> list[str]:
    """A topology that came in at `received_at` (ms) names these devices: whoever was heard lately is online.

    A message that waited for long, while Celery was away, is no sign of life by now: who has left since stays offline,
    and is back with its next one. The caller has locked the rows; returns the SNs of those that were offline.
    """
    now = heard.now_ms()
    devices = [gateway, *sub_devices]
    silent_since = now - int(settings.OFFLINE_AFTER_SECONDS * 1000)
    last_seen = _last_seen([device.sn for device in devices]) if received_at <= silent_since else {}
    silent = [device for device in devices if max(received_at, last_seen.get(device.sn, 0)) <= silent_since]
    if left := [device.pk for device in silent if not device.online and device.offline_reason in NEEDS_TOPOLOGY]:
        Device.objects.unscoped().filter(pk__in=left).update(offline_reason=OfflineReason.SILENT)
    there = [device for device in devices if device not in silent]
    # The broker may not have let the sub-devices report before: their silence is timed from now on.
    heard.after_commit(dict.fromkeys((device.sn for device in there), now) | {gateway.sn: received_at})
    return came_online(there, at=heard.moment(received_at), detail=f"topology {gateway.sn}")


def came_online(devices: Sequence[Device], *, at: datetime, detail: str = "") -> list[str]:
    """Mark devices online, whose rows the caller has locked; returns the SNs of those that were offline.

    `detail`: by what (`devices.timeline`).
    """
    coming = [device for device in devices if not device.online]
    if coming:
        for device in coming:
            device.online, device.offline_reason, device.last_seen_at = True, "", at
        rows = Device.objects.unscoped().filter(pk__in=[device.pk for device in coming])
        rows.update(online=True, offline_reason="", last_seen_at=at)
        timeline.note(coming, "online", at, detail=detail)
    return [device.sn for device in coming]


def went_offline(devices: Sequence[Device], reason: OfflineReason, *, at: datetime, detail: str = "") -> None:
    """Mark devices offline with a reason; the caller has locked their rows. A gateway takes its sub-devices with it."""
    going = [device for device in devices if device.online]
    pks = {device.pk for device in going}
    with_their_gateway = [device for device in going if device.gateway_id in pks]
    first = [device for device in going if device.gateway_id not in pks] or with_their_gateway
    _take_offline(first, reason, at, detail)
    others = [device.pk for device in devices if device.pk not in pks]
    if others and reason == OfflineReason.LEFT_GATEWAY:
        # Who was offline for another reason has a newer one now. Silence says nothing new of a device that went with
        # its gateway a moment ago.
        Device.objects.unscoped().filter(pk__in=others).update(offline_reason=reason)


def _take_offline(devices: Sequence[Device], reason: OfflineReason, at: datetime, detail: str = "") -> None:
    """Hundreds may go at once, so they are written together. The rows are locked."""
    if not devices:
        return
    last_seen = _last_seen([device.sn for device in devices])
    for device in devices:
        device.online, device.offline_reason = False, reason
        if device.sn in last_seen:
            device.last_seen_at = heard.moment(last_seen[device.sn])
    Device.objects.unscoped().bulk_update(devices, ["online", "offline_reason", "last_seen_at"])
    timeline.note_each([(device, detail or _why(device, reason, at, last_seen)) for device in devices], reason, at)
    live.changed([device.sn for device in devices])
    behind = locking.lock(Q(gateway__in=devices, online=True))
    _take_offline(behind, OfflineReason.GATEWAY_OFFLINE, at)


@transaction.atomic
def heard_again(sns: Sequence[str]) -> None:
    """Telemetry arrives from devices that are offline: they are back, with their last known topology."""
    # An aircraft needs a gateway to be behind; a gateway may be of a kind that nobody knows.
    belongs = Q(gateway__isnull=False) | Q(domain__gt=1)
    devices = locking.lock(belongs & Q(sn__in=sns, online=False) & ~Q(offline_reason__in=NEEDS_TOPOLOGY))
    now = heard.now_ms()
    came_online(devices, at=heard.moment(now), detail="telemetry")
    # Valkey may have been emptied since they were heard: nobody is online whose silence is not timed.
    after_commit(lambda: heard.begin([device.sn for device in devices], now))
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
    # Those behind them are locked together with them, so that two such tasks never wait for each other in a circle.
    gateways = Device.objects.unscoped().filter(sn__in=silent).values("pk")
    concerned = locking.lock((Q(sn__in=silent) | Q(gateway__in=gateways)) & Q(online=True))
    devices = [device for device in concerned if device.sn in set(silent)]
    for reason, group in _by_reason(devices, last_seen).items():
        went_offline(group, reason, at=heard.moment(now))
    after_commit(lambda: heard.forget({sn: last_seen[sn] for sn in silent}))


@transaction.atomic
def store_skews(skews: Mapping[str, int]) -> None:
    """Keep how far gateways' clocks are off (SN → our clock minus theirs, ms), and show it."""
    rows = locking.lock(Q(sn__in=skews))
    for device in rows:
        device.clock_skew_ms = skews[device.sn]
    Device.objects.unscoped().bulk_update(rows, ["clock_skew_ms"])
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


def _why(device: Device, reason: OfflineReason, at: datetime, last_seen: Mapping[str, int]) -> str:
    """What the timeline notes: for how long the device was silent, or why its gateway went."""
    if reason == OfflineReason.GATEWAY_OFFLINE and device.gateway is not None:
        return f"{device.gateway.sn} {device.gateway.offline_reason}"
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
