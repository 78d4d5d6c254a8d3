"""The newest values of one device, and when each was sent."""

import re
import sys
from collections.abc import Iterable, Mapping

import msgspec

from devices.clock import Clock

#: Devices with more distinct keys, or with larger values in sum (real ones have 6 KB), do not exist; it bounds what a
#: hostile one can make us keep, and each socket that shows it.
MAX_KEYS = 512
MAX_BYTES = 65_536
_KEY = re.compile(r"[\w.:-]{1,64}")

#: So many different sets of keys are kept once for all devices that send them.
MAX_SHARED = 1_000

Values = Mapping[str, msgspec.Raw]
_all_keys: dict[tuple[str, ...], tuple[str, ...]] = {}


def _shared(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(keys) > MAX_KEYS:
        return ()
    return _all_keys.setdefault(keys, keys) if len(_all_keys) < MAX_SHARED else _all_keys.get(keys, keys)


class Newest:
    """Key → newest raw JSON. Most messages come in order and have the keys of the one before: only what is not in the
    newest message has a moment of its own in `_older`."""

    __slots__ = ("_bytes", "_newest", "_newest_keys", "_older", "clock", "values")

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.clock: Clock | None = None
        self._bytes = 0
        self._newest = 0
        self._newest_keys: tuple[str, ...] = ()
        self._older: dict[str, int] | None = None

    def take(
        self,
        values: Values,
        received_at: int,
        timestamp: int | None,
        changed: dict[str, bytes],
        *,
        unchanged_too: bool = False,
    ) -> None:
        """Take in a message that was sent at `timestamp` (the device's clock, ms), and note in `changed` what it
        changes. A late message still adds what newer ones lack, and takes no value back in time.

        `unchanged_too`: note whatever it says; others may have changed it meanwhile.
        """
        if timestamp is not None:
            if self.clock is None:
                self.clock = Clock(timestamp, received_at)
            elif self.clock.was_set_back(timestamp, received_at):
                self._newest, self._newest_keys, self._older = 0, (), None
            if timestamp < self._newest:
                values = self._not_older(values, timestamp)
            else:
                self._move_on(values, timestamp)
        known = self.values
        for key, raw in values.items():
            new = bytes(raw)
            old = known.get(key)
            if old != new:
                if not self._has_room(key, old, new):
                    continue
                known[sys.intern(key)] = new
            elif not unchanged_too:
                continue
            changed[key] = new

    def by_moment(self, keys: Iterable[str]) -> list[tuple[int, list[str]]]:
        """The keys, grouped by when (ms, the device's clock) their newest value was sent; oldest first, 0: unknown."""
        newest, older = set(self._newest_keys), self._older or {}
        groups: dict[int, list[str]] = {}
        for key in keys:
            groups.setdefault(self._newest if key in newest else older.get(key, 0), []).append(key)
        return sorted(groups.items())

    def _move_on(self, values: Values, timestamp: int) -> None:
        keys = tuple(values)
        before = self._newest_keys
        if keys != before:
            older = self._older or {}
            older.update((key, self._newest) for key in before if key not in values and key in self.values)
            for key in keys:
                older.pop(key, None)
            self._older = older or None
            self._newest_keys = _shared(keys)
        self._newest = timestamp

    def _not_older(self, values: Values, timestamp: int) -> Values:
        """The values of a late message that are not older than those that are known."""
        newest, older = set(self._newest_keys), self._older or {}
        accepted = {key: raw for key, raw in values.items() if key not in newest and older.get(key, 0) <= timestamp}
        older.update(dict.fromkeys(accepted, timestamp))
        self._older = dict(list(older.items())[:MAX_KEYS]) or None
        return accepted

    def _has_room(self, key: str, old: bytes | None, new: bytes) -> bool:
        if old is None and not (len(self.values) < MAX_KEYS and _KEY.fullmatch(key)):
            return False
        grown = self._bytes + len(new) - (0 if old is None else len(old))
        if grown > MAX_BYTES:
            return False
        self._bytes = grown
        return True
