"""Keeping the directory as the tables say: by announcements, and whole now and then, should some get lost."""

import logging
import threading
import time

import redis
from django.db import Error as DatabaseError
from django.db import close_old_connections

from cloudapi.valkey import client
from devices import heard, live
from devices.directory import Directory

log = logging.getLogger(__name__)

RELOAD_SECONDS = 20.0


def load(directory: Directory, stop: threading.Event) -> None:
    """Returns when the directory is read, or `stop` is set; waits for the database."""
    while not stop.is_set():
        try:
            directory.load()
            return
        except DatabaseError as error:
            log.warning("The database does not answer, the worker waits for it: %s", error)
            close_old_connections()
            stop.wait(2.0)


def follow(directory: Directory, stop: threading.Event) -> None:
    """Returns when `stop` is set. The body of a thread."""
    while not stop.is_set():
        try:
            close_old_connections()
            _look_up_for(RELOAD_SECONDS, directory, stop)
        except (redis.RedisError, DatabaseError) as error:
            log.warning("The directory of devices is not up to date: %s", error)
            stop.wait(2.0)
        except Exception:
            log.exception("The directory of devices is not up to date")
            stop.wait(2.0)


def _look_up_for(seconds: float, directory: Directory, stop: threading.Event) -> None:
    until = time.monotonic() + seconds
    with client().pubsub(ignore_subscribe_messages=True) as announcements:  # type: ignore[no-untyped-call]
        announcements.subscribe(live.CHANGED_CHANNEL)
        # Browsers have missed what we have missed.
        if missed := directory.load():
            live.changed(missed)
        heard.begin(directory.online(), heard.now_ms())
        while time.monotonic() < until and not stop.is_set():
            announced = announcements.get_message(timeout=0.1)
            while announced is not None:
                directory.want(announced["data"].decode().split())
                announced = announcements.get_message(timeout=0)
            directory.look_up()
