"""The tick: a few times a second everything that changed goes out, and those who fell silent are handed over."""

import logging
import time
from collections.abc import Callable

import redis
from kombu.exceptions import KombuError

from devices import heard
from devices.buffer import Changes, LiveBuffer
from devices.delivery import deliver
from devices.directory import Directory
from devices.keeping import Keeping
from devices.recorder import Recorder
from devices.sweep import Sweep

log = logging.getLogger(__name__)

#: Ticks that are further apart than this (in seconds) say that the process stood still, or that our clock was set.
STALL_SECONDS = 5.0
#: A binding is in our directory within a fraction of a second.
UNOWNED_SECONDS = 3.0
#: So many devices that we do not know may wait to be looked up; a database that is away must not fill the memory.
MAX_STRANGERS = 10_000


class Ticker:
    """Delivers the buffer's changes and watches for silence. One thread calls `tick`.

    While `is_listening` says no, signs of life cannot reach us, and nobody is judged.
    """

    def __init__(
        self,
        buffer: LiveBuffer,
        directory: Directory,
        is_listening: Callable[[], bool] = lambda: True,
        recorder: Recorder | None = None,
        *,
        shared: bool = False,
    ) -> None:
        self._buffer = buffer
        self._directory = directory
        self._is_listening = is_listening
        self._recorder = recorder
        self._shared = shared
        self.sweep = Sweep(buffer, directory)
        self.keeping = Keeping(directory)
        #: SN of a device that nobody owns → since when (monotonic, s) its values wait.
        self._unowned: dict[str, float] = {}
        self._clocks = (time.monotonic(), time.time())
        self.delivered = 0
        self.failures = 0
        self._grace_due = True
        self._refill_due = False
        self._valkey = ""

    def tick(self) -> None:
        """Deliver once. When Valkey does not answer, the newest values wait for the next tick."""
        if self._stood_still() or not self._is_listening():
            self._grace_due = True
        if self._refill_due:
            self._buffer.refill()
            self._refill_due = False
        changes = self._known(self._buffer.drain())
        self._record(changes)
        try:
            if self._grace_due and self._is_listening():
                heard.begin_anew(self._directory.online(), heard.now_ms())
                self._grace_due = False
            self._deliver(changes)
            self.keeping.keep()
            self.sweep.returned(changes.heard)
            if not self._grace_due and not self.sweep.silent():
                self._grace_due = True
                self._buffer.refill()
            self.sweep.skews()
        except (redis.RedisError, KombuError) as error:  # Celery wraps what it meets in its own kind
            self.failures += 1
            self._grace_due = True
            for sn in changes.heard:
                if (entry := self._directory.get(sn)) is not None:
                    entry.sent.clear()
            self._buffer.put_back(changes)
            self._refill_due = True
            log.warning("Valkey does not answer (%s); live state waits", error)

    def _deliver(self, changes: Changes) -> None:
        """And everything once more to a Valkey that was started anew: the latest live values were not on its disk."""
        delivered = deliver(changes, self._directory, shared_by=self._buffer if self._shared else None)
        self.delivered += delivered.devices
        self.keeping.note(changes.values)
        if delivered.valkey and delivered.valkey != self._valkey:
            is_another, self._valkey = bool(self._valkey), delivered.valkey
            if is_another:
                self._buffer.refill()
                self._deliver(self._known(self._buffer.drain()))

    def _record(self, changes: Changes) -> None:
        if self._recorder is not None:
            self._recorder.note({sn: (seen, self._buffer.values(sn)) for sn, seen in changes.heard.items()})

    def fresh_grace(self) -> None:
        """After an outage of ours nobody is judged by the silence in it: everyone gets a fresh grace period."""
        self._grace_due = True

    def _stood_still(self) -> bool:
        before, self._clocks = self._clocks, (time.monotonic(), time.time())
        return any(abs(now - then) > STALL_SECONDS for then, now in zip(before, self._clocks, strict=True))

    def _known(self, changes: Changes) -> Changes:
        """The changes of devices that we know. The others wait until they were looked up, or are dropped."""
        self._forget_moved(changes)
        later = self._without_owner(changes)
        for sn in [sn for sn in changes.heard | changes.values if self._directory.get(sn) is None]:
            seen, values = changes.heard.pop(sn, None), changes.values.pop(sn, None)
            if seen is None or self._directory.is_unknown(sn) or len(later.heard) >= MAX_STRANGERS:
                self._buffer.forget([sn])
                continue
            later.heard[sn] = seen
            if values is not None:
                later.values[sn] = values
        self._directory.want(later.heard)
        self._buffer.put_back(later)
        return changes

    def _forget_moved(self, changes: Changes) -> None:
        """A device's new workspace gets all values of its next message; what was before stays with the old one."""
        moved = self._directory.moved
        sns = [moved.popleft() for _ in range(len(moved))]
        self._buffer.forget(sns)
        for sn in sns:
            changes.values.pop(sn, None)
            changes.fragments.pop(sn, None)

    def _without_owner(self, changes: Changes) -> Changes:
        """Values of devices that nobody owns wait: what a dock says while it is being bound is for who gets it, what it
        said longer ago is for nobody."""
        waiting, now = Changes(), time.monotonic()
        since, self._unowned = self._unowned, {}
        for sn in list(changes.values):
            if (entry := self._directory.get(sn)) is None or entry.workspace_id is not None:
                continue
            values = changes.values.pop(sn)
            if now - since.get(sn, now) < UNOWNED_SECONDS:
                waiting.values[sn] = values
                self._unowned[sn] = since.get(sn, now)
            else:
                self._buffer.forget([sn])
        return waiting
