"""Delivering when several workers share the telemetry: Valkey merges (`merge.lua`), since no worker sees everything.

Costs several times of `devices.delivery` in Valkey, and every message's values travel there, also the unchanged.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from cloudapi.valkey import Exchange
from devices import heard, live, summary
from devices.buffer import Changes, LiveBuffer

#: A device whose messages are all older than one that came so long before them (ms) has set its clock back.
PATIENCE_MS = 10_000
#: A call keeps Valkey from everything else for a millisecond or two.
DEVICES_PER_CALL = 50


_MERGE = (Path(__file__).parent / "merge.lua").read_text()


def merge(valkey: Exchange, workspace_id: UUID, sns: Sequence[str], changes: Changes, buffer: LiveBuffer) -> None:
    """Have Valkey merge the changes of a workspace's devices; it also publishes them to the browsers."""
    for start in range(0, len(sns), DEVICES_PER_CALL):
        _call(valkey, workspace_id, sns[start : start + DEVICES_PER_CALL], changes, buffer)


def _call(valkey: Exchange, workspace_id: UUID, sns: Iterable[str], changes: Changes, buffer: LiveBuffer) -> None:
    channel = live.publication_channel(live.group_name(workspace_id))
    keys: list[str] = []
    arguments: list[Any] = [channel, f'{{"type":"delta","at":{heard.now_ms()},"devices":[', PATIENCE_MS]
    for sn in sns:
        keys += [live.values_key(workspace_id, sn), live.moments_key(workspace_id, sn)]
        seen, values = changes.heard.get(sn), changes.values.get(sn, {})
        groups = buffer.by_moment(sn, values)
        told = f',"last_seen_at":{seen}' if seen is not None else ""
        arguments += [f'{{"sn":"{sn}"{told}', len(groups)]
        shown = summary.of(values)
        for moment, names in groups:
            arguments += [moment, seen or 0, len(names)]
            for name in names:
                arguments += [name, values[name], shown.get(name, b"")]
    valkey.send("EVAL", _MERGE, len(keys), *keys, *arguments)
