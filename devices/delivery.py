"""Delivering what came in since the last tick: everything in one pipeline.

Per tick, not per message: one script that stores what has changed, one ZADD with all signs of life, one PUBLISH per
workspace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from redis.client import Pipeline
from redis.commands.core import Script

from cloudapi.valkey import client
from devices import heard, live, sharing, summary
from devices.buffer import Changes, LiveBuffer
from devices.directory import Directory, Entry

_pack = msgspec.msgpack.Encoder().encode
Updates = dict[UUID, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """devices: how many were heard. valkey: which Valkey took it, another text after each of its starts; "" if nothing
    was to be delivered."""

    devices: int = 0
    valkey: str = ""


def deliver(changes: Changes, directory: Directory, *, shared_by: LiveBuffer | None = None) -> Delivered:
    """Store the changes and tell the browsers. Raises redis.RedisError.

    `shared_by`: the buffer that the changes come from, when other workers get a part of the messages.
    """
    if not (changes.heard or changes.values):
        return Delivered()
    # A transaction, because Valkey puts each write on disk before it answers: once for all of them, instead of once for
    # every 16 KB that it reads.
    pipeline = client().pipeline(transaction=True)
    now = heard.now_ms()
    if shared_by is not None:
        sharing.merge(pipeline, changes, shared_by, directory)
    else:
        _store(pipeline, changes)
        for workspace_id, devices in _updates(changes, directory).items():
            pipeline.publish(*live.publication(live.group_name(workspace_id), live.frame("delta", now, devices)))
    if changes.heard:
        pipeline.zadd(heard.KEY, dict(changes.heard), gt=True)
    fragments = _fragments(changes, directory)
    for workspace_id, messages in fragments.items():
        group = live.fragments_group_name(workspace_id)
        pipeline.publish(*live.publication(group, live.frame("fragments", now, messages)))
    pipeline.info("server")
    return Delivered(len(changes.heard), pipeline.execute()[-1]["run_id"])


def _store(pipeline: Pipeline, changes: Changes) -> None:
    # As text: Valkey's MessagePack knows no bytes.
    changed = {
        live.VALUES_KEY.format(sn=sn): {key: raw.decode() for key, raw in values.items()}
        for sn, values in changes.values.items()
        if values
    }
    if changed:
        _script()([], [_pack(changed)], client=pipeline)


@cache
def _script() -> Script:
    return client().register_script((Path(__file__).parent / "store.lua").read_text())


def _updates(changes: Changes, directory: Directory) -> Updates:
    """What each workspace's browsers are told of its devices. Those whose values are stored again without having been
    heard are named, so that whoever looks at all values of one reads them again."""
    updates: Updates = {}
    for sn in changes.heard | changes.values:
        entry = directory.get(sn)
        if entry is None or entry.workspace_id is None:
            continue
        update: dict[str, Any] = {"sn": sn}
        if (seen := changes.heard.get(sn)) is not None:
            update["last_seen_at"] = seen
        if (values := changes.values.get(sn)) and (changed := _changed(summary.of(values), entry)):
            update["values"] = changed
        updates.setdefault(entry.workspace_id, []).append(update)
    return updates


def _fragments(changes: Changes, directory: Directory) -> Updates:
    """The messages of docks, as they came."""
    fragments: Updates = {}
    for sn, messages in changes.fragments.items():
        if (entry := directory.get(sn)) is not None and entry.workspace_id is not None:
            fragments.setdefault(entry.workspace_id, []).extend(
                {"sn": sn, "data": msgspec.Raw(data)} for data in messages
            )
    return fragments


def _changed(shown: Mapping[str, bytes], entry: Entry) -> dict[str, msgspec.Raw]:
    """What differs from what browsers got last, noted as sent. Of values that are shown whole we know that they do."""
    changed = {}
    for key, raw in shown.items():
        if summary.PARTS[key]:
            digest = hash(raw)
            if entry.sent.get(key) == digest:
                continue
            entry.sent[key] = digest
        changed[key] = msgspec.Raw(raw)
    return changed
