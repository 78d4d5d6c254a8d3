"""What the worker does with a message: `take` in the thread that reads it, `work` in the thread that ticks.

Requests are queued at once. Telemetry waits in the backlog until the tick's thread merges it, a few dozen milliseconds
later: the reader has nothing to do per message but to read, and one thread owns live state without locks.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

from django.conf import settings

from devices import heard
from devices.backlog import Backlog
from devices.buffer import LiveBuffer, NotAnObject
from mqtt_bridge import envelope, message, topics
from mqtt_bridge.envelope import Envelope
from mqtt_bridge.message import Message
from mqtt_bridge.redaction import excerpt
from mqtt_bridge.registry import RUNS
from mqtt_bridge.results import INVALID_PARAMETER, OK
from mqtt_bridge.topics import Topic

log = logging.getLogger(__name__)

#: A sender of garbage must not fill the disk: further bad messages of a second are counted, not logged.
MAX_LOG_LINES_PER_SECOND = 10
#: About 3 ms of work.
MERGED_AT_A_TIME = 100
_RECEIVED = {kind: f"received.{kind}" for kind in RUNS}


class Intake:
    """`queue` hands a message to Celery and raises if it cannot; nothing else raises."""

    def __init__(self, buffer: LiveBuffer, queue: Callable[[Message], None], backlog: Backlog | None = None) -> None:
        self._buffer = buffer
        self._queue = queue
        self._backlog = backlog or Backlog()
        self.counts: Counter[str] = Counter()
        self._log_second = 0
        self._log_lines = 0

    # --- the threads that read ----------------------------------------------------------------------------------------
    def take(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Take one message. Returns when it is safely queued or in the backlog, or counted and dropped.

        Raises what the queue raises: then the message is not taken, and must come again.
        """
        parsed = topics.parse(topic)
        if parsed is None:
            self._drop("topic", topic, payload)
        elif retained:
            # Retained messages are the past; devices send none, so somebody planted it (device facts).
            self._drop("retained", topic, payload)
        else:
            self.counts[_RECEIVED[parsed.kind]] += 1
            self._route(parsed, topic, payload)

    def _route(self, parsed: Topic, topic: str, payload: bytes) -> None:
        received_at = heard.now_ms()
        runs = RUNS[parsed.kind]
        if runs == "inline":
            if parsed.kind == "state":
                self._confirm_state(parsed, payload, received_at)
            self._backlog.put(parsed.sn, payload, received_at)
            return
        try:
            if runs == "task":
                self._take_request(parsed, payload, received_at)
            elif parsed.kind == "events":
                self._confirm(parsed, envelope.decode(payload), received_at)
            self._backlog.put(parsed.sn, None, received_at)
        except envelope.Malformed as error:
            self._drop("malformed", topic, payload, str(error))

    def _take_request(self, parsed: Topic, payload: bytes, received_at: int) -> None:
        request = message.read(parsed.kind, parsed.sn, payload, received_at)
        if not (request.tid or request.bid):
            raise envelope.Malformed("neither tid nor bid, so nobody waits for an answer")
        if len(payload) > settings.MQTT_MAX_PAYLOAD:
            self.counts["oversized"] += 1
            request = message.answered(request, INVALID_PARAMETER)
        self._queue(request)

    def _confirm_state(self, parsed: Topic, payload: bytes, received_at: int) -> None:
        """Its values are merged in any case and the device repeats it every 8 s, so telemetry need not wait for the
        queue."""
        if b"need_reply" not in payload or len(payload) > settings.MQTT_MAX_PAYLOAD:
            return
        try:
            self._confirm(parsed, envelope.decode(payload), received_at)
        except envelope.Malformed:
            return  # `work` counts it
        except Exception:
            self.counts["unconfirmed"] += 1

    def _confirm(self, parsed: Topic, read: Envelope, received_at: int) -> None:
        """Queue the answer to a state or event message that wants one; the device repeats it until it comes."""
        if not envelope.wants_reply(read.need_reply):
            return
        confirmed = message.from_envelope(parsed.kind, parsed.sn, read, received_at)
        if confirmed.tid or confirmed.bid:
            self._queue(message.answered(confirmed, OK))

    # --- the thread that ticks ----------------------------------------------------------------------------------------
    def work(self, give_way: Callable[[], object] = lambda: None) -> None:
        """Merge all telemetry that waits; `give_way` is asked in between whether others should have their turn."""
        arrivals, unread = self._backlog.take()
        for sn, received_at in unread.items():
            self._buffer.heard(sn, received_at)
        limit = settings.MQTT_MAX_PAYLOAD
        merge = self._buffer.merge_values
        for number, (sn, payload, received_at) in enumerate(arrivals, 1):
            if not number % MERGED_AT_A_TIME:
                give_way()
            if payload is None:
                self._buffer.heard(sn, received_at)
                continue
            try:
                if len(payload) > limit:
                    raise envelope.Malformed(f"{len(payload)} bytes, more than {limit}")
                read = envelope.decode_telemetry(payload)
            except envelope.Malformed as error:
                self._drop("malformed", sn, payload, str(error))
            except NotAnObject as error:
                self._drop("data", sn, payload, str(error))
            else:
                merge(sn, read.data, received_at, envelope.milliseconds(read.timestamp))
        if self._backlog.dropped:
            self.counts["dropped.late"] = self._backlog.dropped

    def _drop(self, reason: str, whence: str, payload: bytes, detail: str = "") -> None:
        self.counts[f"dropped.{reason}"] += 1
        second = int(time.monotonic())
        if second != self._log_second:
            self._log_second, self._log_lines = second, 0
        self._log_lines += 1
        if self._log_lines <= MAX_LOG_LINES_PER_SECOND:
            where = excerpt(whence.encode(errors="replace"))[:200]
            log.warning("dropped (%s %s) %s: %s", reason, detail, where, excerpt(payload))
