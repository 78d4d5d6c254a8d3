"""Delivering what came in since the last tick, in one exchange with Valkey.

Per tick, not per message: per workspace a few scripts that store what has changed and one PUBLISH, and one ZADD with
all signs of life. Valkey works on one workspace while the next one is made ready.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from cloudapi.valkey import Exchange, exchange
from devices import heard, live, sharing, summary
from devices.buffer import Changes, LiveBuffer
from devices.directory import Directory, Entry

#: A script keeps Valkey from everything else for a millisecond or two.
DEVICES_PER_SCRIPT = 100
_STORE = (Path(__file__).parent / "store.lua").read_text()
_RUN_ID = re.compile(rb"run_id:(\w+)")
_pack = msgspec.msgpack.Encoder().encode
Updates = list[dict[str, Any]]


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
    now = heard.now_ms()
    with exchange() as valkey:
        for workspace_id, sns in _by_workspace(changes, directory).items():
            if shared_by is not None:
                sharing.merge(valkey, workspace_id, sns, changes, shared_by)
                continue
            _store(valkey, workspace_id, sns, changes)
            frame = live.frame("delta", now, _updates(sns, changes, directory))
            valkey.send("PUBLISH", *live.publication(live.group_name(workspace_id), frame))
        if changes.heard:
            moments = (part for sn, seen in changes.heard.items() for part in (seen, sn))
            valkey.send("ZADD", heard.KEY, "GT", *moments)
        for workspace_id, messages in _fragments(changes, directory).items():
            group = live.fragments_group_name(workspace_id)
            valkey.send("PUBLISH", *live.publication(group, live.frame("fragments", now, messages)))
        valkey.send("INFO", "server")
        run_id = _RUN_ID.search(valkey.answers()[-1])
    return Delivered(len(changes.heard), run_id[1].decode() if run_id else "")


def _by_workspace(changes: Changes, directory: Directory) -> dict[UUID, list[str]]:
    """The SNs that changed and belong to somebody. Those whose values are stored again without having been heard are
    named, too, so that whoever looks at all values of one reads them again."""
    found: dict[UUID, list[str]] = {}
    for sn in changes.heard | changes.values:
        if (entry := directory.get(sn)) is not None and entry.workspace_id is not None:
            found.setdefault(entry.workspace_id, []).append(sn)
    # The directory names them before it knows the new owner, who must not get what was said before.
    if moving := set(directory.moved):
        found = {workspace_id: [sn for sn in sns if sn not in moving] for workspace_id, sns in found.items()}
    return found


def _store(valkey: Exchange, workspace_id: UUID, sns: Sequence[str], changes: Changes) -> None:
    keys = live.values_key(workspace_id, "")
    for start in range(0, len(sns), DEVICES_PER_SCRIPT):
        # As text: Valkey's MessagePack knows no bytes.
        changed = {
            keys + sn: {key: raw.decode() for key, raw in values.items()}
            for sn in sns[start : start + DEVICES_PER_SCRIPT]
            if (values := changes.values.get(sn))
        }
        if changed:
            valkey.send("EVAL", _STORE, 0, _pack(changed))


def _updates(sns: Iterable[str], changes: Changes, directory: Directory) -> Updates:
    """What the browsers of a workspace are told of its devices."""
    updates: Updates = []
    for sn in sns:
        update: dict[str, Any] = {"sn": sn}
        if (seen := changes.heard.get(sn)) is not None:
            update["last_seen_at"] = seen
        values, entry = changes.values.get(sn), directory.get(sn)
        if values and entry is not None and (changed := _changed(summary.of(values), entry)):
            update["values"] = changed
        updates.append(update)
    return updates


def _fragments(changes: Changes, directory: Directory) -> dict[UUID, Updates]:
    """The messages of docks, as they came."""
    fragments: dict[UUID, Updates] = {}
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
