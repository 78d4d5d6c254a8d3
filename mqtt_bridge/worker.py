"""The worker: two MQTT sessions in, live state and Celery tasks out."""

import contextlib
import gc
import json
import logging
import threading
import time

import redis
from django.conf import settings
from django.utils.crypto import salted_hmac
from kombu.exceptions import KombuError

from cloudapi.valkey import client
from devices import following
from devices.buffer import LiveBuffer
from devices.directory import Directory
from devices.recorder import Recorder
from devices.ticker import Ticker
from mqtt_bridge import broker_access, notices, task_queue, topics
from mqtt_bridge.broker_access.keeper import Keeper
from mqtt_bridge.intake import Intake
from mqtt_bridge.notice_desk import NoticeDesk
from mqtt_bridge.session import CredentialsRefused, Session

log = logging.getLogger(__name__)

ALIVE_KEY = "cloudapi:worker:alive"
ALIVE_SECONDS = 10
#: Telemetry is merged several times between two ticks, so that at the tick only the last of it is left to do.
MERGE_SECONDS = 0.05
#: So many bytes (10 ms of 10,000 messages a second) may be left unread before merging lets the reader go first for a
#: while. The buffer of the system takes little more.
MAX_UNREAD = 262_144
GIVE_WAY_SECONDS = 0.002


class Worker:
    """Threads: one per MQTT session, one that ticks, one that keeps the directory, one that keeps gateways' rights.

    `run` blocks until `stop`.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._directory = Directory()
        self.keeper = Keeper(self.stop)
        group = settings.MQTT_SHARED_GROUP
        shared = bool(group)
        self._buffer = LiveBuffer(fragmented=self._directory.docks, shared=shared)
        self._recorder = Recorder(self._directory, shared=shared)
        self._ticker = Ticker(self._buffer, self._directory, self._is_listening, self._recorder, shared=shared)
        self._notices = NoticeDesk()
        self._intake = Intake(self._buffer, task_queue.put)
        name = _client_id()
        # Every worker hears every notice: handling one again does no harm.
        request_filters = (*topics.shared(topics.REQUEST_FILTERS, group), *notices.FILTERS)
        telemetry_filters = topics.shared(topics.TELEMETRY_FILTERS, group)
        self._telemetry = Session(f"{name}-telemetry", telemetry_filters, self._take, shared=shared)
        self._sessions = [
            Session(f"{name}-requests", request_filters, self._take, may_connect=task_queue.answers, shared=shared),
            self._telemetry,
        ]

    def wait_for_database(self) -> None:
        """Returns when the directory of devices is read, or `stop` is set."""
        following.load(self._directory, self.stop)

    def run(self) -> None:
        """Work until `stop` is set. Raises CredentialsRefused."""
        threads = [
            threading.Thread(target=self._recorder.run, args=(self.stop,), name="records", daemon=True),
            threading.Thread(target=self._tick, name="tick", daemon=True),
            threading.Thread(target=following.follow, args=(self._directory, self.stop), name="directory", daemon=True),
        ]
        if broker_access.adapter() is not None:
            threads.append(threading.Thread(target=self.keeper.run, name="rights", daemon=True))
        # A full round of the garbage collector stops all threads for 50 ms, mostly for what is there for good by now.
        gc.freeze()
        for thread in threads:
            thread.start()
        for session in self._sessions:
            session.start()
        try:
            self._watch(threads)
        finally:
            self.stop.set()
            for session in self._sessions:
                session.stop()
            for thread in threads:
                thread.join(timeout=10)
            self._intake.work()
            self._ticker.tick()
            with contextlib.suppress(redis.RedisError, KombuError):
                self._ticker.keeping.keep_everything()
                self._notices.hand_over()

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic.startswith("$SYS/"):
            self._notices.take(topic, payload)
        else:
            self._intake.take(topic, payload, retained=retained)

    def _is_listening(self) -> bool:
        return all(session.subscribed.is_set() for session in self._sessions)

    def _watch(self, threads: list[threading.Thread]) -> None:
        reconnects = 0
        while not self.stop.wait(1.0):
            for session in self._sessions:
                if session.refused:
                    raise CredentialsRefused(session.refused)
            if not all(
                [*(thread.is_alive() for thread in threads), *(session.is_alive() for session in self._sessions)]
            ):
                raise RuntimeError("A thread of the worker ended; starting anew is safer than going on without it.")
            now = sum(session.reconnects for session in self._sessions)
            if now != reconnects:
                reconnects = now
                self._ticker.fresh_grace()
                self.keeper.doubt_everything()
            self._sign_of_life()
            with contextlib.suppress(redis.RedisError, KombuError):
                task_queue.bring_back()

    def _sign_of_life(self) -> None:
        if not self._is_listening():
            return
        state = {"at": int(time.time()), "counts": dict(self._intake.counts), "delivered": self._ticker.delivered}
        with contextlib.suppress(redis.RedisError):
            client().set(ALIVE_KEY, json.dumps(state), ex=ALIVE_SECONDS)

    def _give_way(self) -> None:
        """Reading comes before merging: what is left unread the broker drops, uncounted, and it is the newest; what
        waits too long in our backlog is the oldest, and counted."""
        if self._telemetry.unread() > MAX_UNREAD:
            time.sleep(GIVE_WAY_SECONDS)

    def _tick(self) -> None:
        next_tick = time.monotonic()
        while not self.stop.wait(max(0.0, min(MERGE_SECONDS, next_tick - time.monotonic()))):
            try:
                self._intake.work(self._give_way)
                if time.monotonic() < next_tick:
                    continue
                next_tick = max(next_tick + settings.LIVE_TICK_SECONDS, time.monotonic())
                self._ticker.tick()
                self._notices.hand_over()
            except (redis.RedisError, KombuError) as error:
                log.warning("Valkey does not answer (%s); notices of the broker wait", error)
            except Exception:
                # What came since the last tick is lost, which is better than meeting it again after every restart.
                log.exception("A tick failed")
                self.stop.wait(1.0)


def _client_id() -> str:
    """The name of our sessions at the broker. Nobody else may guess it: a client with the same name would end ours."""
    suffix = salted_hmac("mqtt_bridge.client_id", settings.MQTT_CLIENT_ID, algorithm="sha256").hexdigest()[:16]
    return f"{settings.MQTT_CLIENT_ID}-{suffix}"
