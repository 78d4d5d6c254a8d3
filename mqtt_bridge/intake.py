"""What the worker does with one message: parse the topic, then buffer it or queue a task."""

import logging
import time
from collections import Counter
from collections.abc import Callable

from django.conf import settings

from devices import heard
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


class Intake:
    """`queue` hands a message to Celery and raises if it cannot; nothing else raises."""

    def __init__(self, buffer: LiveBuffer, queue: Callable[[Message], None]) -> None:
        self._buffer = buffer
        self._queue = queue
        self.counts: Counter[str] = Counter()
        self._log_second = 0
        self._log_lines = 0

    def take(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Take one message. Returns when it is safely queued or merged, or counted and dropped.

        Raises what the queue raises: then the message is not taken, and must come again.
        """
        parsed = topics.parse(topic)
        if parsed is None:
            self._drop("topic", topic, payload)
        elif retained:
            # Retained messages are the past; devices send none, so somebody planted it (device facts).
            self._drop("retained", topic, payload)
        else:
            self.counts[f"received.{parsed.kind}"] += 1
            self._route(parsed, topic, payload)

    def _route(self, parsed: Topic, topic: str, payload: bytes) -> None:
        received_at = heard.now_ms()
        runs = RUNS[parsed.kind]
        try:
            if runs == "task":
                self._take_request(parsed, payload, received_at)
            elif runs == "inline":
                self._take_telemetry(parsed, payload, received_at)
            elif parsed.kind == "events":
                self._take_event(parsed, payload, received_at)
            self._buffer.heard(parsed.sn, received_at)
        except envelope.Malformed as error:
            self._drop("malformed", topic, payload, str(error))
        except NotAnObject as error:
            self._drop("data", topic, payload, str(error))

    def _take_request(self, parsed: Topic, payload: bytes, received_at: int) -> None:
        request = message.read(parsed.kind, parsed.sn, payload, received_at)
        if not (request.tid or request.bid):
            raise envelope.Malformed("neither tid nor bid, so nobody waits for an answer")
        if len(payload) > settings.MQTT_MAX_PAYLOAD:
            self.counts["oversized"] += 1
            request = message.answered(request, INVALID_PARAMETER)
        self._queue(request)

    def _take_telemetry(self, parsed: Topic, payload: bytes, received_at: int) -> None:
        if len(payload) > settings.MQTT_MAX_PAYLOAD:
            raise envelope.Malformed(f"{len(payload)} bytes, more than {settings.MQTT_MAX_PAYLOAD}")
        read = envelope.decode(payload)
        self._buffer.merge(parsed.sn, read.data, received_at, envelope.milliseconds(read.timestamp))
        self._confirm(parsed, read, received_at)

    def _take_event(self, parsed: Topic, payload: bytes, received_at: int) -> None:
        self._confirm(parsed, envelope.decode(payload), received_at)

    def _confirm(self, parsed: Topic, read: Envelope, received_at: int) -> None:
        """Queue the answer to a state or event message that wants one; the device repeats it until it comes."""
        if not envelope.wants_reply(read.need_reply) or parsed.kind not in ("state", "events"):
            return
        confirmed = message.from_envelope(parsed.kind, parsed.sn, read, received_at)
        if not (confirmed.tid or confirmed.bid):
            return
        try:
            self._queue(message.answered(confirmed, OK))
        except Exception:
            # Its values are merged and the device repeats it every 8 s, so telemetry need not wait for the queue.
            if parsed.kind != "state":
                raise
            self.counts["unconfirmed"] += 1

    def _drop(self, reason: str, topic: str, payload: bytes, detail: str = "") -> None:
        self.counts[f"dropped.{reason}"] += 1
        second = int(time.monotonic())
        if second != self._log_second:
            self._log_second, self._log_lines = second, 0
        self._log_lines += 1
        if self._log_lines <= MAX_LOG_LINES_PER_SECOND:
            where = excerpt(topic.encode(errors="replace"))[:200]
            log.warning("dropped (%s %s) %s: %s", reason, detail, where, excerpt(payload))
