"""The worker: two MQTT sessions in, live state and Celery tasks out."""

import contextlib
import json
import logging
import threading
import time
from collections import deque

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils.crypto import salted_hmac
from kombu.exceptions import KombuError

from cloudapi.valkey import client
from devices import heard, live
from devices.buffer import LiveBuffer
from devices.directory import Directory
from devices.ticker import Ticker
from mqtt_bridge import controllers, inflight, notices, tasks, topics
from mqtt_bridge.connections import Told
from mqtt_bridge.intake import Intake
from mqtt_bridge.message import Message
from mqtt_bridge.session import CredentialsRefused, Session

log = logging.getLogger(__name__)

ALIVE_KEY = "cloudapi:worker:alive"
ALIVE_SECONDS = 10
RELOAD_SECONDS = 20.0
#: Notices about connections: how many may wait while Valkey does not answer, and how many make one task.
MAX_NOTICES = 20_000
NOTICES_BATCH = 500
#: Client ids of the platform itself: the worker, replies, changes of accounts.
OWN_CLIENTS = "cloudapi-"


class Worker:
    """Threads: one per MQTT session, one that ticks, one that keeps the directory. `run` blocks until `stop`."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._directory = Directory()
        self._buffer = LiveBuffer(fragmented=self._directory.docks)
        self._ticker = Ticker(self._buffer, self._directory, self._is_listening)
        self._notices: deque[Told] = deque(maxlen=MAX_NOTICES)
        self._noticed_at = 0
        self._intake = Intake(self._buffer, _queue)
        name = _client_id()
        self._sessions = [
            Session(
                f"{name}-requests",
                (*topics.REQUEST_FILTERS, *notices.FILTERS),
                self._take,
                may_connect=_queue_answers,
            ),
            Session(f"{name}-telemetry", topics.TELEMETRY_FILTERS, self._take),
        ]

    def wait_for_database(self) -> None:
        """Returns when the directory of devices is read, or `stop` is set."""
        while not self.stop.is_set():
            try:
                self._directory.load()
                return
            except DatabaseError as error:
                log.warning("The database does not answer, the worker waits for it: %s", error)
                close_old_connections()
                self.stop.wait(2.0)

    def run(self) -> None:
        """Work until `stop` is set. Raises CredentialsRefused."""
        threads = [
            threading.Thread(target=self._tick, name="tick", daemon=True),
            threading.Thread(target=self._follow_directory, name="directory", daemon=True),
        ]
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
            self._ticker.tick()
            with contextlib.suppress(redis.RedisError, KombuError):
                self._hand_over_notices()

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic.startswith("$SYS/"):
            self._take_notice(topic, payload)
        else:
            self._intake.take(topic, payload, retained=retained)

    def _take_notice(self, topic: str, payload: bytes) -> None:
        notice = notices.read(topic, payload)
        if notice is None or notice.client_id.startswith(OWN_CLIENTS):
            return
        # Two notices never have the same moment: tasks are done in any order, and the moments tell which was later.
        self._noticed_at = max(heard.now_ms(), self._noticed_at + 1)
        username = notice.username if isinstance(notice, notices.Connected) else None
        told = (notice.client_id, username, self._noticed_at)
        if username is not None and username.startswith(controllers.UNPINNED_PREFIX):
            tasks.told.apply_async(([told],), retry=False)  # this one must not be lost: a pilot waits for it
        else:
            self._notices.append(told)

    def _hand_over_notices(self) -> None:
        """Once a tick: when the broker was restarted, thousands come at once. What a killed worker takes with it shows
        by silence."""
        batch = [self._notices.popleft() for _ in range(min(len(self._notices), NOTICES_BATCH))]
        try:
            if batch:
                tasks.told.apply_async((batch,), retry=False)
        except (redis.RedisError, KombuError):
            self._notices.extendleft(reversed(batch))
            raise

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
            self._sign_of_life()
            with contextlib.suppress(redis.RedisError, KombuError):
                inflight.bring_back(_queue_again)

    def _sign_of_life(self) -> None:
        if not self._is_listening():
            return
        state = {"at": int(time.time()), "counts": dict(self._intake.counts), "delivered": self._ticker.delivered}
        with contextlib.suppress(redis.RedisError):
            client().set(ALIVE_KEY, json.dumps(state), ex=ALIVE_SECONDS)

    def _tick(self) -> None:
        while not self.stop.wait(settings.LIVE_TICK_SECONDS):
            try:
                self._ticker.tick()
                self._hand_over_notices()
            except (redis.RedisError, KombuError) as error:
                log.warning("Valkey does not answer (%s); notices of the broker wait", error)
            except Exception:
                # What came since the last tick is lost, which is better than meeting it again after every restart.
                log.exception("A tick failed")
                self.stop.wait(1.0)

    def _follow_directory(self) -> None:
        """Keep the directory as the tables say: by announcements, and whole now and then, should some get lost."""
        while not self.stop.is_set():
            try:
                close_old_connections()
                self._look_up_for(RELOAD_SECONDS)
            except (redis.RedisError, DatabaseError) as error:
                log.warning("The directory of devices is not up to date: %s", error)
                self.stop.wait(2.0)
            except Exception:
                log.exception("The directory of devices is not up to date")
                self.stop.wait(2.0)

    def _look_up_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with client().pubsub(ignore_subscribe_messages=True) as announcements:  # type: ignore[no-untyped-call]
            announcements.subscribe(live.CHANGED_CHANNEL)
            # Browsers have missed what we have missed.
            if missed := self._directory.load():
                live.changed(missed)
            heard.begin(self._directory.online(), heard.now_ms())
            while time.monotonic() < until and not self.stop.is_set():
                announced = announcements.get_message(timeout=0.1)
                while announced is not None:
                    self._directory.want(announced["data"].decode().split())
                    announced = announcements.get_message(timeout=0)
                self._directory.look_up()


def _client_id() -> str:
    """The name of our sessions at the broker. Nobody else may guess it: a client with the same name would end ours."""
    suffix = salted_hmac("mqtt_bridge.client_id", settings.MQTT_CLIENT_ID, algorithm="sha256").hexdigest()[:16]
    return f"{settings.MQTT_CLIENT_ID}-{suffix}"


def _queue(message: Message) -> None:
    """Queue a task; raises when Valkey did not confirm it."""
    task_id = inflight.note(message)
    if task_id is None:
        return
    try:
        tasks.handle.apply_async((message.to_json(),), task_id=task_id, retry=False)
    except Exception:
        inflight.done(task_id)  # it comes again, and must not be taken for a repeat then
        raise


def _queue_again(task_id: str, message: str) -> None:
    tasks.handle.apply_async((message,), task_id=task_id, retry=False)


def _queue_answers() -> bool:
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False
