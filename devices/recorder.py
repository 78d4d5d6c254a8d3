"""From live state to SQL: the latest of every device, and its track. In a thread of its own, so that a database that is
slow or away delays nothing."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import redis
from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, close_old_connections
from django.utils import timezone

from cloudapi.valkey import client
from devices import heard, live, narrow, partitions, records
from devices.directory import Directory, Entry
from devices.records import Record

log = logging.getLogger(__name__)

#: Devices take turns, so that neither we nor the database work in bursts that requests would wait for.
TURNS = 5
#: So many points of tracks wait for a database that is away; then the oldest go.
MAX_POINTS = 200_000

#: SN → (our clock in ms, the device's newest raw values as far as this worker knows)
Known = Mapping[str, tuple[int, dict[str, bytes]]]
#: The same with what the directory said of the device then: what it has said belongs to its owner of that time.
_Noted = dict[str, tuple[int, dict[str, bytes], Entry]]


class Recorder:
    """The tick's thread hands over with `note`; `run` is the body of the other thread."""

    def __init__(self, directory: Directory, *, shared: bool = False) -> None:
        self._directory = directory
        self._shared = shared
        self._lock = threading.Lock()
        #: By turn.
        self._noted: list[_Noted] = [{} for _ in range(TURNS)]
        self._states: dict[int, Record] = {}
        self._points: deque[Record] = deque()
        #: Device → when its last point was taken (ms), and the hash of what it said.
        self._last_points: dict[int, tuple[int, int]] = {}
        #: Points that were given up because the database was away for too long.
        self.dropped = 0

    def note(self, known: Known) -> None:
        """What is known of the devices that were heard since the last time; the newest counts."""
        with self._lock:
            for sn, (seen, values) in known.items():
                if (entry := self._directory.get(sn)) is not None:
                    self._noted[hash(sn) % TURNS][sn] = seen, values, entry
            # The directory names them before it knows the new owner.
            for sn in set(self._directory.moved):
                self._noted[hash(sn) % TURNS].pop(sn, None)

    def run(self, stop: threading.Event) -> None:
        """Write every device once in STATE_SECONDS until `stop` is set, and all of them once more then."""
        for turn in cycle(range(TURNS)):
            if stop.wait(settings.STATE_SECONDS / TURNS):
                break
            self._attempt([turn])
        self._attempt()

    def write(self, turns: Iterable[int] = range(TURNS)) -> None:
        """Write those whose turn it is. Raises what the database raises; then nothing is lost but points beyond
        MAX_POINTS."""
        self._read_noted(turns)
        if self._states:
            records.store_states(list(self._states.values()))
            self._states = {}
        if self._points:
            points = list(self._points)
            records.append_track(points)
            self._points.clear()

    def _attempt(self, turns: Sequence[int] = range(TURNS)) -> None:
        began = time.monotonic()
        try:
            close_old_connections()
            try:
                self.write(turns)
            except IntegrityError:  # the partition of the day is missing: beat, who makes them ahead, does not run
                partitions.make(timezone.now())
                self.write(turns)
        except (IntegrityError, DataError) as error:
            self.dropped += len(self._points)
            self._points.clear()
            log.error("Points that the database does not take are dropped: %s", error)
        except (DatabaseError, redis.RedisError) as error:
            log.warning("The latest values wait: %s", error)
        except Exception:
            log.exception("The latest values could not be written")
        if time.monotonic() - began > settings.STATE_SECONDS:
            log.warning("Writing the latest values took %.1f s", time.monotonic() - began)

    def _read_noted(self, turns: Iterable[int]) -> None:
        noted: _Noted = {}
        with self._lock:
            for turn in turns:
                noted |= self._noted[turn]
                self._noted[turn] = {}
        if self._shared:
            noted = _with_all_values(noted)
        for sn, (seen, values, entry) in noted.items():
            now = self._directory.get(sn)
            if now is None:
                continue
            record = Record(entry.pk, entry.workspace_pk, heard.moment(seen), narrow.of(values))
            self._take_point(record)
            if now.workspace_pk == entry.workspace_pk:
                self._states[record.device_pk] = record

    def _take_point(self, record: Record) -> None:
        """Its turn is every HISTORY_SECONDS, and only if something has changed: what stands still has no track."""
        if not settings.HISTORY_SECONDS or record.workspace_pk is None:
            return
        at = heard.milliseconds(record.at) or 0
        last_at, last = self._last_points.get(record.device_pk, (0, None))
        said = hash(record.narrow)
        if at - last_at < settings.HISTORY_SECONDS * 1000 or said == last:
            return
        self._last_points[record.device_pk] = at, said
        if len(self._points) >= MAX_POINTS:
            self._points.popleft()
            self.dropped += 1
        self._points.append(record)


def _with_all_values(noted: _Noted) -> _Noted:
    """Other workers know the rest: Valkey has it all."""
    pipeline = client().pipeline(transaction=False)
    owned = [(sn, entry.workspace_id) for sn, (_, _, entry) in noted.items() if entry.workspace_id is not None]
    for sn, workspace_id in owned:
        pipeline.hmget(live.values_key(workspace_id, sn), list(narrow.KEYS))
    known = {
        sn: {key: raw for key, raw in zip(narrow.KEYS, found, strict=True) if raw is not None}
        for (sn, _), found in zip(owned, pipeline.execute(), strict=True)
    }
    return {sn: (seen, known.get(sn, {}), entry) for sn, (seen, _, entry) in noted.items()}
