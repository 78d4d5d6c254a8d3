"""Delivering what came in since the last tick: everything in one pipeline.

Per tick, not per message: one HSET per changed device, one ZADD with all signs of life, one PUBLISH per workspace.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from cloudapi.valkey import client
from devices import heard, live, summary
from devices.buffer import Changes
from devices.directory import Directory, Entry

Updates = dict[UUID, list[dict[str, Any]]]


def deliver(changes: Changes, directory: Directory) -> int:
    """Store the changes and tell the browsers; returns how many devices were heard. Raises redis.RedisError."""
    if not (changes.heard or changes.values):
        return 0
    # A transaction, because Valkey puts each write on disk before it answers: once for all of them, instead of once for
    # every 16 KB that it reads.
    pipeline = client().pipeline(transaction=True)
    for sn, values in changes.values.items():
        if values:
            pipeline.hset(live.VALUES_KEY.format(sn=sn), mapping=values)  # type: ignore[arg-type]
    if changes.heard:
        pipeline.zadd(heard.KEY, dict(changes.heard), gt=True)
    now = heard.now_ms()
    frames, fragments = _by_workspace(changes, directory)
    for workspace_id, devices in frames.items():
        pipeline.publish(*live.publication(live.group_name(workspace_id), live.frame("delta", now, devices)))
    for workspace_id, messages in fragments.items():
        group = live.fragments_group_name(workspace_id)
        pipeline.publish(*live.publication(group, live.frame("fragments", now, messages)))
    pipeline.execute()
    return len(changes.heard)


def _by_workspace(changes: Changes, directory: Directory) -> tuple[Updates, Updates]:
    """What each workspace's browsers are told: updates of devices, and the messages of docks."""
    frames: Updates = {}
    fragments: Updates = {}
    for sn, seen in changes.heard.items():
        entry = directory.get(sn)
        if entry is None or entry.workspace_id is None:
            continue
        update: dict[str, Any] = {"sn": sn, "last_seen_at": seen}
        if (values := changes.values.get(sn)) and (changed := _changed(summary.of(values), entry)):
            update["values"] = changed
        frames.setdefault(entry.workspace_id, []).append(update)
        if messages := changes.fragments.get(sn):
            fragments.setdefault(entry.workspace_id, []).extend(
                {"sn": sn, "data": msgspec.Raw(data)} for data in messages
            )
    return frames, fragments


def _changed(shown: Mapping[str, bytes], entry: Entry) -> dict[str, msgspec.Raw]:
    """The values that differ from what browsers got last, noted as sent."""
    changed = {}
    for key, raw in shown.items():
        digest = hash(raw)
        if entry.sent.get(key) != digest:
            entry.sent[key] = digest
            changed[key] = msgspec.Raw(raw)
    return changed
