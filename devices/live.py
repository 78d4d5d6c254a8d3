"""What reaches a browser, and when.

Live values are kept in Valkey, one hash per device: top-level OSD/state key → its newest raw JSON. Frames go to the
group of the device's workspace through the channel layer; this module is the only sender. A frame is ready-made JSON
text, since browsers get what is sent here unless several have to be merged:

    {"type": "snapshot" | "delta", "at": ms, "devices": [{sn, kind, model, model_key, callsign, gateway_sn, online,
     offline_reason, last_seen_at, clock_skew_ms, values: {…}}, {sn, removed: true}, …]}

A delta holds `sn` and what changed. `values` are those that lists and maps show (`devices.summary`). Whoever shows all
values of a device reads them from Valkey when a frame names the device, so that nobody pays for what is not looked at
(`devices.feed`).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from channels.layers import get_channel_layer
from django.db import transaction
from django.db.models import Q

from cloudapi.valkey import after_commit, after_commit_together, async_client, client
from devices import heard, locking, summary
from devices.models import Device
from workspaces.models import Workspace

log = logging.getLogger(__name__)

#: Changed rows are announced here, so that the worker's directory follows.
CHANGED_CHANNEL = "cloudapi:changed"
_encode = msgspec.json.Encoder().encode


def values_key(workspace_id: UUID, sn: str) -> str:
    """The hash with a device's live values: one per owner, so that whoever gets the device does not get what it said
    before, whatever was down when it changed hands."""
    return f"cloudapi:live:{workspace_id.hex}:{sn}"


def moments_key(workspace_id: UUID, sn: str) -> str:
    """When the values were sent, where several workers share the telemetry (`merge.lua`)."""
    return f"cloudapi:live:moments:{workspace_id.hex}:{sn}"


def group_name(workspace_id: UUID) -> str:
    """The channel-layer group of a workspace; made from our own row, never from the text of a URL."""
    return f"workspace.{workspace_id.hex}"


def fragments_group_name(workspace_id: UUID) -> str:
    """The group that gets the messages of the workspace's docks as they came; see `devices.dji_view`."""
    return f"{group_name(workspace_id)}.fragments"


def frame(kind: str, at: int, devices: Sequence[Mapping[str, Any]]) -> str:
    return _encode({"type": kind, "at": at, "devices": devices}).decode()


def is_snapshot(text: str) -> bool:
    return text.startswith('{"type":"snapshot"')


@cache
def _layer() -> Any:
    return get_channel_layer()


def publication(group: str, text: str) -> tuple[str, bytes]:
    """Channel and message that deliver a frame to a group by a plain PUBLISH.

    This is the wire format of channels_redis' pub/sub layer (its version is pinned, a test sends through it): a
    PUBLISH in a pipeline costs a thousandth of `async_to_sync(group_send)`, which makes an event loop per call.
    """
    message = _layer().serialize({"type": "live.frame", "text": text})
    return publication_channel(group), message


def publication_channel(group: str) -> str:
    return f"asgi__group__{group}"


def changed(sns: Iterable[str]) -> None:
    """Rows of these devices change in this transaction: after commit tell the browsers and the worker."""
    after_commit_together(_announce, sns)


def removed_from(workspace_id: UUID, sns: Iterable[str]) -> None:
    """These devices leave the workspace in this transaction: after commit tell its browsers."""
    devices = [{"sn": sn, "removed": True} for sn in sns]
    keys = [key(workspace_id, sn) for sn in sns for key in (values_key, moments_key)]
    after_commit(lambda: _send(workspace_id, devices))
    after_commit(lambda: client().unlink(*keys))


@transaction.atomic
def _announce(sns: Sequence[str]) -> None:
    """The rows are locked meanwhile: of two processes that change them, the later one must be the later one to tell, or
    browsers would go on showing what was before."""
    by_workspace: dict[UUID, list[Device]] = {}
    for device in locking.lock(Q(sn__in=sns, workspace__isnull=False)):
        if device.workspace is not None:
            by_workspace.setdefault(device.workspace.workspace_id, []).append(device)
    for workspace_id, devices in by_workspace.items():
        _send(workspace_id, describe(devices))
    client().publish(CHANGED_CHANNEL, " ".join(sns))


def _send(workspace_id: UUID, devices: Sequence[Mapping[str, Any]]) -> None:
    client().publish(*publication(group_name(workspace_id), frame("delta", heard.now_ms(), devices)))


def snapshot(workspace: Workspace) -> str:
    """The frame with all devices of a workspace. Raises what the database and Valkey raise."""
    described = listed(workspace)
    pipeline = client().pipeline(transaction=False)
    for device in described:
        pipeline.hmget(values_key(workspace.workspace_id, device["sn"]), list(summary.PARTS))
    for device, found in zip(described, pipeline.execute(), strict=True):
        values = {key: raw for key, raw in zip(summary.PARTS, found, strict=True) if raw is not None}
        device["values"] = raw_json(summary.of(values))
    return frame("snapshot", heard.now_ms(), described)


def listed(workspace: Workspace) -> list[dict[str, Any]]:
    """All devices of a workspace as frames show them, without values. Raises what the database and Valkey raise."""
    return describe(list(Device.objects.in_workspace(workspace).select_related("gateway")))


def describe(devices: Sequence[Device]) -> list[dict[str, Any]]:
    """Devices as frames show them. A gateway of another workspace is not named."""
    last_seen = heard.last_seen([device.sn for device in devices])
    return [
        {
            "sn": device.sn,
            "kind": device.kind,
            "model": device.model_name,
            "model_key": device.model_key,
            "callsign": device.callsign,
            "gateway_sn": _visible_gateway(device),
            "online": device.online,
            "offline_reason": device.offline_reason,
            "clock_skew_ms": device.clock_skew_ms,
            "last_seen_at": last_seen.get(device.sn, heard.milliseconds(device.last_seen_at)),
        }
        for device in devices
    ]


def _visible_gateway(device: Device) -> str | None:
    gateway = device.gateway
    return gateway.sn if gateway is not None and gateway.workspace_id == device.workspace_id else None


async def values(workspace_id: UUID, sns: Sequence[str]) -> list[dict[str, bytes]]:
    """All values of each of the workspace's devices, key → raw JSON. Raises redis.RedisError."""
    pipeline = async_client().pipeline(transaction=False)
    for sn in sns:
        pipeline.hgetall(values_key(workspace_id, sn))
    return [{key.decode(): raw for key, raw in found.items()} for found in await pipeline.execute()]


def raw_json(values: Mapping[str, bytes]) -> dict[str, msgspec.Raw]:
    """Values as `frame` takes them."""
    return {key: msgspec.Raw(raw) for key, raw in values.items()}
