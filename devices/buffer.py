"""Live values between two ticks: what has changed per device and top-level key.

OSD is partial: a dock splits it over several messages and aircraft send what changed, so values merge per key.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

import msgspec

from devices.newest import Newest, Values

#: A dock sends about two messages a second, of 2 KB or less, and a tick is shorter.
MAX_FRAGMENTS = 20
MAX_FRAGMENT_BYTES = 65_536
_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class NotAnObject(ValueError):
    """The data of a telemetry message is no JSON object."""


@dataclass(slots=True)
class Changes:
    """What came in since the last tick.

    values: SN → key → raw JSON of what has changed. heard: SN → our clock in ms. fragments: SN of a dock → the data of
    its messages.
    """

    values: dict[str, dict[str, bytes]] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    fragments: dict[str, list[bytes]] = field(default_factory=dict)


class LiveBuffer:
    """Belongs to one thread. `fragmented`: SNs whose messages are also kept as they came, until the next tick; others
    may change the set. `shared`: other workers get a part of the messages, so that what we know is not all there is."""

    def __init__(self, fragmented: Container[str] = (), *, shared: bool = False) -> None:
        self._fragmented = fragmented
        self._shared = shared
        self._changes = Changes()
        self._newest: dict[str, Newest] = {}

    def merge(self, sn: str, data: msgspec.Raw, received_at: int, timestamp: int | None = None) -> None:
        """Merge one OSD or state message, sent at `timestamp` (the device's clock, ms). Raises NotAnObject."""
        try:
            self.merge_values(sn, _split(data), received_at, timestamp)
        except (msgspec.DecodeError, RecursionError) as error:
            raise NotAnObject(str(error)) from error

    def merge_values(self, sn: str, values: Values, received_at: int, timestamp: int | None = None) -> None:
        """The same for data that is split already: key → raw JSON."""
        newest = self._newest.get(sn)
        if newest is None:
            newest = self._newest[sn] = Newest()
        changed = self._changes.values.get(sn)
        if changed is None:
            changed = self._changes.values[sn] = {}
        newest.take(values, received_at, timestamp, changed, unchanged_too=self._shared)
        self._changes.heard[sn] = received_at
        if sn in self._fragmented:
            self._keep_fragment(self._changes.fragments.setdefault(sn, []), values)

    def _keep_fragment(self, fragments: list[bytes], values: Values) -> None:
        if len(fragments) < MAX_FRAGMENTS:
            message = _encode(values)
            if sum(map(len, fragments)) + len(message) <= MAX_FRAGMENT_BYTES:
                fragments.append(message)

    def heard(self, sn: str, received_at: int) -> None:
        """Any other message: a sign of life without values."""
        self._changes.heard[sn] = received_at

    def by_moment(self, sn: str, keys: Iterable[str]) -> list[tuple[int, list[str]]]:
        """See `Newest.by_moment`."""
        newest = self._newest.get(sn)
        return newest.by_moment(keys) if newest is not None else []

    def values(self, sn: str) -> dict[str, bytes]:
        """Everything that is known of the device, key → newest raw JSON. Only this buffer may change it."""
        newest = self._newest.get(sn)
        return newest.values if newest is not None else {}

    def skews(self) -> dict[str, int]:
        """SN → how far its clock is behind ours, in ms."""
        return {sn: round(newest.clock.skew) for sn, newest in self._newest.items() if newest.clock is not None}

    def forget(self, sns: Iterable[str]) -> None:
        """Forget everything about SNs that nobody knows, or that now belong to somebody else."""
        for sn in sns:
            self._newest.pop(sn, None)

    def drain(self) -> Changes:
        changes, self._changes = self._changes, Changes()
        return changes

    def put_back(self, changes: Changes) -> None:
        """Return what could not be delivered; what came in since is newer and wins."""
        for sn, values in changes.values.items():
            self._changes.values[sn] = values | self._changes.values.get(sn, {})
        self._changes.heard = changes.heard | self._changes.heard

    def refill(self) -> None:
        """Valkey may have forgotten values: let everything that we know count as changed."""
        for sn, newest in self._newest.items():
            self._changes.values[sn] = dict(newest.values)
