"""The tick: a few times a second everything that changed goes out in one pipeline.

Per tick, not per message: one HSET per changed device, one ZADD with all signs of life, one PUBLISH per workspace.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import msgspec
import redis
from django.conf import settings
from kombu.exceptions import KombuError

from cloudapi.valkey import client
from devices import heard, live, tasks
from devices.buffer import MAX_KEYS, Changes, LiveBuffer
from devices.directory import Directory, Entry

log = logging.getLogger(__name__)

#: A transition that was handed to Celery is not handed over again for this many seconds.
PATIENCE = 5.0
SWEEP_SECONDS = 1.0
SWEEP_BATCH = 500
SKEW_SECONDS = 5.0
SKEW_CHANGE_MS = 1_000
#: Ticks that are further apart than this (in seconds) say that the process stood still, or that our clock was set.
STALL_SECONDS = 5.0
#: So many devices that we do not know may wait to be looked up; a database that is away must not fill the memory.
MAX_STRANGERS = 10_000


class Ticker:
    """Delivers the buffer's changes and watches for silence. One thread calls `tick`.

    While `is_listening` says no, signs of life cannot reach us, and nobody is judged.
    """

    def __init__(
        self, buffer: LiveBuffer, directory: Directory, is_listening: Callable[[], bool] = lambda: True
    ) -> None:
        self._buffer = buffer
        self._directory = directory
        self._is_listening = is_listening
        self._clocks = (time.monotonic(), time.time())
        self._handed_over: dict[tuple[str, str], float] = {}
        self._next_sweep = 0.0
        self._next_skews = 0.0
        self.delivered = 0
        self.failures = 0
        self._grace_due = True

    def tick(self) -> None:
        """Deliver once. When Valkey does not answer, the newest values wait for the next tick."""
        if self._stood_still() or not self._is_listening():
            self._grace_due = True
        changes = self._known(self._buffer.drain())
        try:
            if self._grace_due and self._is_listening():
                heard.begin_anew(self._directory.online(), heard.now_ms())
                self._grace_due = False
            self._deliver(changes)
            self._hand_over_returned(changes)
            self._sweep()
            self._store_skews()
        except (redis.RedisError, KombuError) as error:  # Celery wraps what it meets in its own kind
            self.failures += 1
            self._grace_due = True
            for sn in changes.heard:
                if (entry := self._directory.get(sn)) is not None:
                    entry.sent.clear()
            self._buffer.put_back(changes)
            log.warning("Valkey does not answer (%s); live state waits", error)

    def fresh_grace(self) -> None:
        """After an outage of ours nobody is judged by the silence in it: everyone gets a fresh grace period."""
        self._grace_due = True

    def _stood_still(self) -> bool:
        before, self._clocks = self._clocks, (time.monotonic(), time.time())
        return any(now - then > STALL_SECONDS for then, now in zip(before, self._clocks, strict=True))

    def _known(self, changes: Changes) -> Changes:
        """The changes of devices that we know. The others wait until they were looked up, or are dropped."""
        strangers = [sn for sn in changes.heard if self._directory.get(sn) is None]
        later = Changes()
        self._buffer.forget(sn for sn in strangers if self._directory.is_unknown(sn))
        for sn in strangers:
            seen, values = changes.heard.pop(sn), changes.values.pop(sn, None)
            if not self._directory.is_unknown(sn) and len(later.heard) < MAX_STRANGERS:
                later.heard[sn] = seen
                if values is not None:
                    later.values[sn] = values
        self._directory.want(later.heard)
        self._buffer.put_back(later)
        return changes

    def _deliver(self, changes: Changes) -> None:
        if not changes.heard:
            return
        pipeline = client().pipeline(transaction=False)
        frames: dict[UUID, list[dict[str, Any]]] = {}
        fragments: dict[UUID, list[dict[str, Any]]] = {}
        for sn, seen in changes.heard.items():
            entry = self._directory.get(sn)
            if entry is None:
                continue
            update: dict[str, Any] = {"sn": sn, "last_seen_at": seen}
            values = _bounded(changes.values.get(sn, {}), entry)
            if values:
                # All of them, also the unchanged: this is how an emptied Valkey fills again.
                pipeline.hset(live.VALUES_KEY.format(sn=sn), mapping=values)  # type: ignore[arg-type]
            if changed := _changed(values, entry):
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
        self.delivered += len(changes.heard)

    def _hand_over_returned(self, changes: Changes) -> None:
        offline = [sn for sn in changes.heard if (entry := self._directory.get(sn)) is not None and not entry.online]
        for batch in self._not_yet_handed_over("returned", offline):
            tasks.heard_again.delay(batch, heard.now_ms())

    def _sweep(self) -> None:
        if self._grace_due or time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + SWEEP_SECONDS
        if heard.is_emptied():
            self._grace_due = True
            return
        deadline = heard.now_ms() - int(settings.OFFLINE_AFTER_SECONDS * 1000)
        for batch in self._not_yet_handed_over("silent", heard.silent_since(deadline, limit=10_000)):
            tasks.gone_silent.delay(batch)

    def _store_skews(self) -> None:
        """Hand over how far gateways' clocks are off, where it has changed enough to tell people."""
        if time.monotonic() < self._next_skews:
            return
        self._next_skews = time.monotonic() + SKEW_SECONDS
        changed = {
            sn: skew
            for sn, skew in self._buffer.skews().items()
            if (entry := self._directory.get(sn)) is not None
            and entry.is_gateway
            and (entry.clock_skew_ms is None or abs(skew - entry.clock_skew_ms) > SKEW_CHANGE_MS)
        }
        if changed:
            tasks.store_skews.delay(changed)

    def _not_yet_handed_over(self, transition: str, sns: Iterable[str]) -> list[list[str]]:
        """In batches. Each transition has its own patience: a device may return at once after it was found silent."""
        now = time.monotonic()
        due = [sn for sn in sns if self._handed_over.get((transition, sn), 0.0) < now]
        self._handed_over = {key: until for key, until in self._handed_over.items() if until >= now}
        self._handed_over |= {(transition, sn): now + PATIENCE for sn in due}
        return [due[start : start + SWEEP_BATCH] for start in range(0, len(due), SWEEP_BATCH)]


def _bounded(values: dict[str, bytes], entry: Entry) -> dict[str, bytes]:
    """Without the keys that exceed what one device may have."""
    new = values.keys() - entry.sent.keys()
    if len(entry.sent) + len(new) <= MAX_KEYS:
        return values
    room = sorted(new)[: MAX_KEYS - len(entry.sent)]
    return {key: raw for key, raw in values.items() if key in entry.sent or key in room}


def _changed(values: dict[str, bytes], entry: Entry) -> dict[str, msgspec.Raw]:
    """The values that differ from what browsers got last, noted as sent."""
    changed = {}
    for key, raw in values.items():
        digest = hash(raw)
        if entry.sent.get(key) != digest:
            entry.sent[sys.intern(key)] = digest
            changed[key] = msgspec.Raw(raw)
    return changed
