"""Keeps accounts and rights at the broker as our tables say, in a thread of the worker.

Whoever changes topology or ownership announces the devices after the commit (`devices.live`). The keeper then asks the
tables what the gateways concerned may do now, and tells the broker if that is something else than it told it last. One
thread does all of it, so the newest state wins whatever the order of the announcements. Announcements can get lost:
the tables are compared with its memory every 20 seconds, and the broker itself every five minutes.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from math import inf
from types import ModuleType

import redis
from django.db import Error as DatabaseError
from django.db import close_old_connections

from cloudapi.valkey import client, text
from devices import live
from mqtt_bridge import broker_access
from mqtt_bridge.broker_access import pace, told
from mqtt_bridge.broker_access.access import Access, accesses_of, all_accesses, may_come_back, usernames_of
from mqtt_bridge.broker_access.errors import BrokerAccessError
from mqtt_bridge.broker_access.roles import Role

log = logging.getLogger(__name__)

COMPARE_SECONDS = 20.0
RECONCILE_SECONDS = 300.0
_RETRY_SECONDS = 2.0
#: Where changes are dear, the rights for aircraft that left their gateway end after so long (s): most come back.
ENDING_PATIENCE = 60.0


class Keeper:
    """Works while the broker is one that has to be told; `run` returns at once for any other."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        #: User name → what the broker was told last.
        self._told: dict[str, Access] = {}
        #: User name → by when (monotonic) the broker has to be told.
        self._due: dict[str, float] = {}
        self._batch = 1
        #: What the last changes cost (s each): one that was slow by chance makes none dear.
        self._costs: deque[float] = deque(maxlen=3)
        self._compare_at = self._reconcile_at = self._resume_at = 0.0

    def doubt_everything(self) -> None:
        """The broker was away, and may have come back with something older."""
        self._reconcile_at = 0.0

    def run(self) -> None:
        """Work until stopped."""
        while broker_access.adapter() is not None and not self._stop.is_set():
            try:
                close_old_connections()
                self._follow()
            except (BrokerAccessError, DatabaseError, redis.RedisError) as error:
                log.warning("Rights at the broker are not up to date: %s", error)
            except Exception:
                log.exception("Rights at the broker are not up to date")
            # Announcements were missed, or taken and not carried out.
            self._reconcile_at = 0.0
            self._stop.wait(_RETRY_SECONDS)

    def _follow(self) -> None:
        with client().pubsub(ignore_subscribe_messages=True) as announcements:  # type: ignore[no-untyped-call]
            announcements.subscribe(live.CHANGED_CHANNEL, broker_access.PUT_CHANNEL)
            while not self._stop.is_set():
                heard: dict[str, set[str]] = {live.CHANGED_CHANNEL: set(), broker_access.PUT_CHANNEL: set()}
                announced = announcements.get_message(timeout=self._patience())
                while announced is not None:
                    heard[text(announced["channel"])].update(text(announced["data"]).split())
                    announced = announcements.get_message(timeout=0)
                self.step(heard[live.CHANGED_CHANNEL], heard[broker_access.PUT_CHANNEL])

    def _patience(self) -> float:
        """How long (s) to wait for announcements."""
        return min(0.5, max(0.001, self._resume_at - time.monotonic())) if self._next() else 0.5

    def step(self, sns: set[str], doubtful: set[str]) -> None:
        """Do what is due. `sns`: devices that changed; `doubtful`: accounts that somebody else has put.

        Raises BrokerAccessError and what the database raises.
        """
        for username in doubtful:
            self._told.pop(username, None)
        if time.monotonic() >= self._reconcile_at:
            self.reconcile()
        elif time.monotonic() >= self._compare_at:
            self._compare(doubtful)
        elif sns or doubtful:
            before = {username for username, known in self._told.items() if not sns.isdisjoint(known.sub_devices)}
            wanted = accesses_of(usernames_of(sns) | before | doubtful)
            self._end(doubtful - {access.username for access in wanted})
            self._note(wanted)
        if time.monotonic() >= self._resume_at and (some := self._next()):
            self._tell(some)

    def reconcile(self) -> None:
        """Compare all accounts with those of the broker; rights that differ are due.

        Raises BrokerAccessError and what the database raises.
        """
        broker = broker_access.adapter()
        if broker is None:
            return
        wanted = all_accesses()
        found = broker.reconcile(wanted)
        created, changed, removed = found.changes
        told.forget([*created, *changed, *removed, *found.strayed])
        if created or changed or removed:
            log.info("Accounts at the broker: %d made, %d changed, %d ended", len(created), len(changed), len(removed))
        # What had to be mended is looked at again by the next comparison.
        mended = {*created, *changed}
        self._told = {
            access.username: known
            for access in wanted
            if access.username not in mended and (known := found.strayed.get(access.username, access)) is not None
        }
        self._due.clear()
        self._note(access for access in wanted if access.username in found.strayed)
        self._reconcile_at = time.monotonic() + RECONCILE_SECONDS
        self._compare_at = 0.0 if mended else time.monotonic() + COMPARE_SECONDS

    def _compare(self, doubtful: set[str]) -> None:
        """Compare the tables with what the broker was told."""
        wanted = all_accesses()
        self._end((self._told.keys() | doubtful) - {access.username for access in wanted})
        self._note(wanted)
        self._compare_at = time.monotonic() + COMPARE_SECONDS

    def _end(self, usernames: set[str]) -> None:
        """These have no row: they ended, and who put them meanwhile did not know."""
        broker_access.remove(usernames)
        for username in usernames:
            self._told.pop(username, None)

    def _note(self, wanted: Iterable[Access]) -> None:
        """Note whom the broker has to be told about; it is asked where nobody remembers."""
        broker = broker_access.adapter()
        changed = []
        for access in wanted:
            if self._role_told(access.username) == access.role:
                self._due.pop(access.username, None)
            else:
                changed.append(access)
        unheard_of = [access for access in changed if access.username not in self._told]
        current = broker.current(unheard_of) if broker is not None and unheard_of else []
        self._told |= {access.username: access for access in current}
        for access in changed:
            role = self._role_told(access.username)
            if role == access.role:
                self._due.pop(access.username, None)
            else:
                by = time.monotonic() + (ENDING_PATIENCE if self._can_wait(access) else 0.0)
                self._due[access.username] = min(by, self._due.get(access.username, by))

    def _can_wait(self, access: Access) -> bool:
        """Whether it gains nothing, and loses nothing but the rights for aircraft that may come back."""
        before = self._told.get(access.username)
        if before is None or not before.sub_devices > access.sub_devices:
            return False
        return may_come_back(access.gateway_sn, before.sub_devices - access.sub_devices)

    def _next(self) -> list[str]:
        """The accounts to tell the broker about now. Those that can wait come last, and not later than they must."""
        is_dear = len(self._costs) == self._costs.maxlen and min(self._costs) > pace.DEAR
        latest = time.monotonic() if is_dear else inf
        return sorted((name for name, by in self._due.items() if by <= latest), key=self._due.__getitem__)[
            : self._batch
        ]

    def _tell(self, some: list[str]) -> None:
        """Tell the broker about these accounts what the tables say at this moment."""
        broker = broker_access.adapter()
        began = time.monotonic()
        if broker is not None and (accesses := accesses_of(some)):
            # The task that has answered the gateway may have told the broker already.
            current = {access.username for access in broker.current(accesses)}
            ended: set[str] = set()
            if due := [access for access in accesses if access.username not in current]:
                ended = self._make(broker, broker.put_roles(due))
                self._take_time(time.monotonic() - began, len(due))
            known = [access for access in accesses if access.username not in ended]
            told.note(known)
            self._told |= {access.username: access for access in known}
        for username in some:
            del self._due[username]

    def _make(self, broker: ModuleType, missing: list[str]) -> set[str]:
        """Make accounts that the broker lacks; returns those that ended meanwhile."""
        if not missing:
            return set()
        broker.put(accesses_of(missing))
        ended = set(missing) - {access.username for access in accesses_of(missing)}
        self._end(ended)
        return ended

    def _take_time(self, took: float, changes: int) -> None:
        """So many changes took so long (s): leave the broker its time for messages."""
        pace.note_cost(took / changes)
        self._costs.append(took / changes)
        self._batch = max(1, min(pace.AT_ONCE, int(pace.STILL_SECONDS / took * changes)))
        self._resume_at = time.monotonic() + took * pace.REST

    def _role_told(self, username: str) -> Role | None:
        known = self._told.get(username)
        return known.role if known is not None else None
