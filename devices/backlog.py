"""Telemetry between the thread that reads it and the tick that merges it: bounded, and what is old goes first."""

import threading
from collections import deque

#: A second and a half of 20,000 messages of 2.5 KB each.
MAX_BYTES = 80_000_000

#: (SN, payload or None for a mere sign of life, our clock at arrival in ms)
Arrival = tuple[str, bytes | None, int]


class Backlog:
    """Any thread puts, one takes. A reader that waited instead would make the broker drop the newest messages, which
    are the ones that count: live state forgets what a newer message says again."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._arrivals: deque[Arrival] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        #: Messages that were given up since the start, unread. Their senders count as heard.
        self.dropped = 0
        self._dropped_heard: dict[str, int] = {}

    def put(self, sn: str, payload: bytes | None, received_at: int) -> None:
        with self._lock:
            self._arrivals.append((sn, payload, received_at))
            if payload is not None:
                self._bytes += len(payload)
                while self._bytes > self._max_bytes and len(self._arrivals) > 1:
                    self._drop_oldest()

    def take(self) -> tuple[deque[Arrival], dict[str, int]]:
        """Everything that waits, oldest first; and the senders of what was dropped: SN → our clock in ms."""
        with self._lock:
            arrivals, self._arrivals, self._bytes = self._arrivals, deque(), 0
            heard, self._dropped_heard = self._dropped_heard, {}
        return arrivals, heard

    def _drop_oldest(self) -> None:
        sn, payload, received_at = self._arrivals.popleft()
        self._dropped_heard[sn] = received_at
        if payload is not None:
            self._bytes -= len(payload)
            self.dropped += 1
