"""Live values between two ticks: the newest raw JSON per device and top-level key.

OSD is partial: a dock splits it over several messages and aircraft send what changed, so values merge per key.
"""

import re
import threading
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

import msgspec

from devices.clock import Clock

#: Devices with more distinct keys than this do not exist; it bounds what a hostile one can make us keep.
MAX_KEYS = 512
#: A dock sends about two messages a second, and a tick is shorter.
MAX_FRAGMENTS = 20
_KEY = re.compile(r"[\w.:-]{1,64}")
_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class NotAnObject(ValueError):
    """The data of a telemetry message is no JSON object."""


@dataclass(slots=True)
class Changes:
    """What came in since the last tick.

    values: SN → key → raw JSON. heard: SN → our clock in ms. fragments: SN of a dock → its messages' data as it came.
    """

    values: dict[str, dict[str, bytes]] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    fragments: dict[str, list[bytes]] = field(default_factory=dict)


@dataclass(slots=True)
class _History:
    """The clock of a device, and when the newest value of each key was sent, by that clock."""

    clock: Clock
    stamps: dict[str, int] = field(default_factory=dict)


class LiveBuffer:
    """`fragmented`: SNs whose messages are also kept as they came, until the next tick; others may change the set."""

    def __init__(self, fragmented: Container[str] = ()) -> None:
        self._fragmented = fragmented
        self._changes = Changes()
        self._histories: dict[str, _History] = {}
        self._lock = threading.Lock()

    def merge(self, sn: str, data: msgspec.Raw, received_at: int, timestamp: int | None = None) -> None:
        """Merge one OSD or state message, sent at `timestamp` (the device's clock, ms). Raises NotAnObject.

        A late message still adds what newer ones lack, and never takes a value back in time.
        """
        try:
            values = {key: bytes(raw) for key, raw in _split(data).items() if _KEY.fullmatch(key)}
        except (msgspec.DecodeError, RecursionError) as error:
            raise NotAnObject(str(error)) from error
        with self._lock:
            if timestamp is not None:
                values = self._newest(sn, values, timestamp, received_at)
            self._changes.values.setdefault(sn, {}).update(values)
            self._changes.heard[sn] = received_at
            if sn in self._fragmented:
                fragments = self._changes.fragments.setdefault(sn, [])
                if len(fragments) < MAX_FRAGMENTS:
                    fragments.append(bytes(data))

    def _newest(self, sn: str, values: dict[str, bytes], timestamp: int, received_at: int) -> dict[str, bytes]:
        history = self._histories.get(sn)
        if history is None:
            history = self._histories[sn] = _History(Clock(timestamp, received_at))
        elif history.clock.was_set_back(timestamp, received_at):
            history.stamps.clear()
        stamps = history.stamps
        newest = {key: raw for key, raw in values.items() if stamps.get(key, 0) <= timestamp}
        if len(stamps) < MAX_KEYS:
            stamps.update(dict.fromkeys(newest, timestamp))
        return newest

    def skews(self) -> dict[str, int]:
        """SN → how far its clock is behind ours, in ms."""
        with self._lock:
            return {sn: round(history.clock.skew) for sn, history in self._histories.items()}

    def forget(self, sns: Iterable[str]) -> None:
        """Forget the histories of SNs that nobody knows."""
        with self._lock:
            for sn in sns:
                self._histories.pop(sn, None)

    def heard(self, sn: str, received_at: int) -> None:
        """Any other message: a sign of life without values."""
        with self._lock:
            self._changes.heard[sn] = received_at

    def drain(self) -> Changes:
        with self._lock:
            changes, self._changes = self._changes, Changes()
        return changes

    def put_back(self, changes: Changes) -> None:
        """Return what could not be delivered; what came in since is newer and wins."""
        with self._lock:
            for sn, values in changes.values.items():
                self._changes.values[sn] = values | self._changes.values.get(sn, {})
            self._changes.heard = changes.heard | self._changes.heard
