"""What the worker hands over to the tasks of presence: who fell silent, who is back, whose clock is off."""

import time
from collections.abc import Iterable

from django.conf import settings

from devices import heard, tasks
from devices.buffer import LiveBuffer
from devices.directory import Directory

#: A transition that was handed to Celery is not handed over again for this many seconds.
PATIENCE = 5.0
SWEEP_SECONDS = 0.5
SWEEP_BATCH = 500
SKEW_SECONDS = 5.0
SKEW_CHANGE_MS = 1_000
#: When a whole fleet comes, its clocks are told bit by bit, so that requests need not wait for them.
SKEWS_AT_A_TIME = 100


class Sweep:
    """One thread calls it. Raises redis.RedisError and KombuError."""

    def __init__(self, buffer: LiveBuffer, directory: Directory) -> None:
        self._buffer = buffer
        self._directory = directory
        self._handed_over: dict[tuple[str, str], float] = {}
        self._next_sweep = 0.0
        self._next_skews = 0.0
        #: SN → when its skew was handed over last (monotonic, s).
        self._skew_told: dict[str, float] = {}

    def returned(self, heard_sns: Iterable[str]) -> None:
        """Hand over those who were offline and are heard."""
        offline = [sn for sn in heard_sns if (entry := self._directory.get(sn)) is not None and not entry.online]
        for batch in self._not_yet_handed_over("returned", offline):
            tasks.heard_again.delay(batch, heard.now_ms())

    def silent(self) -> bool:
        """Twice a second, hand over who has been silent for too long. False if Valkey has forgotten whom we time."""
        if time.monotonic() < self._next_sweep:
            return True
        self._next_sweep = time.monotonic() + SWEEP_SECONDS
        if heard.is_emptied():
            return False
        deadline = heard.now_ms() - int(settings.OFFLINE_AFTER_SECONDS * 1000)
        for batch in self._not_yet_handed_over("silent", heard.silent_since(deadline, limit=10_000)):
            tasks.gone_silent.delay(batch)
        return True

    def skews(self) -> None:
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
            # Those first whose turn is longest ago: a clock that drifts all the time must not keep others from theirs.
            turn = sorted(changed, key=lambda sn: self._skew_told.get(sn, 0.0))[:SKEWS_AT_A_TIME]
            self._skew_told |= dict.fromkeys(turn, time.monotonic())
            tasks.store_skews.delay({sn: changed[sn] for sn in turn})

    def forget_hand_overs(self) -> None:
        """Hand everybody over again who is due, at once."""
        self._handed_over.clear()
        self._next_sweep = 0.0

    def _not_yet_handed_over(self, transition: str, sns: Iterable[str]) -> list[list[str]]:
        """In batches. Each transition has its own patience: a device may return at once after it was found silent."""
        now = time.monotonic()
        due = [sn for sn in sns if self._handed_over.get((transition, sn), 0.0) < now]
        self._handed_over = {key: until for key, until in self._handed_over.items() if until >= now}
        self._handed_over |= {(transition, sn): now + PATIENCE for sn in due}
        return [due[start : start + SWEEP_BATCH] for start in range(0, len(due), SWEEP_BATCH)]
