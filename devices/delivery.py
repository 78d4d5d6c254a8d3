"""Delivering what came in since the last tick: everything in one pipeline.

Per tick, not per message: one HSET per changed device, one ZADD with all signs of life, one PUBLISH per workspace.
"""

import sys
from typing import Any
from uuid import UUID

import msgspec

from cloudapi.valkey import client
from devices import heard, live, summary
from devices.buffer import MAX_KEYS, Changes
from devices.directory import NOT_SENT, Directory, Entry


def deliver(changes: Changes, directory: Directory) -> int:
    """Store the changes and tell the browsers; returns how many devices were heard. Raises redis.RedisError."""
    if not changes.heard:
        return 0
    pipeline = client().pipeline(transaction=False)
    frames: dict[UUID, list[dict[str, Any]]] = {}
    fragments: dict[UUID, list[dict[str, Any]]] = {}
    for sn, seen in changes.heard.items():
        entry = directory.get(sn)
        if entry is None:
            continue
        update: dict[str, Any] = {"sn": sn, "last_seen_at": seen}
        values = _bounded(changes.values.get(sn, {}), entry)
        if values:
            # All of them, also the unchanged: this is how an emptied Valkey fills again.
            pipeline.hset(live.VALUES_KEY.format(sn=sn), mapping=values)  # type: ignore[arg-type]
        if changed := _changed(summary.of(values), entry):
            update["values"] = changed
        if entry.workspace_id is not None:
            frames.setdefault(entry.workspace_id, []).append(update)
            fragments.setdefault(entry.workspace_id, []).extend(
                {"sn": sn, "data": msgspec.Raw(data)} for data in changes.fragments.get(sn, ())
            )
    pipeline.zadd(heard.KEY, dict(changes.heard), gt=True)
    now = heard.now_ms()
    for workspace_id, devices in frames.items():
        pipeline.publish(*live.publication(live.group_name(workspace_id), live.frame("delta", now, devices)))
    for workspace_id, messages in fragments.items():
        if messages:
            group = live.fragments_group_name(workspace_id)
            pipeline.publish(*live.publication(group, live.frame("fragments", now, messages)))
    pipeline.execute()
    return len(changes.heard)


def _bounded(values: dict[str, bytes], entry: Entry) -> dict[str, bytes]:
    """Without the keys that exceed what one device may have. Notes the new ones."""
    new = values.keys() - entry.sent.keys()
    if not new:
        return values
    room = sorted(new)[: MAX_KEYS - len(entry.sent)]
    entry.sent.update((sys.intern(key), NOT_SENT) for key in room)
    return values if len(room) == len(new) else {key: raw for key, raw in values.items() if key in entry.sent}


def _changed(values: dict[str, bytes], entry: Entry) -> dict[str, msgspec.Raw]:
    """The values that differ from what browsers got last, noted as sent."""
    changed = {}
    for key, raw in values.items():
        digest = hash(raw)
        if entry.sent.get(key) != digest:
            entry.sent[key] = digest
            changed[key] = msgspec.Raw(raw)
    return changed
