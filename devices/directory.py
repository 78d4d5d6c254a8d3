"""The worker's memory of which device belongs where, so that telemetry needs no query per message."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from devices.models import Device

log = logging.getLogger(__name__)

#: An SN that we do not know is looked up again after this many seconds; until then its telemetry is dropped.
UNKNOWN_FOR = 10.0
MAX_UNKNOWN = 10_000
CONTROLLER, DOCK = 2, 3
_COLUMNS = ("sn", "workspace__workspace_id", "online", "domain", "clock_skew_ms", "pk", "workspace_id")
_Row = tuple[str, UUID | None, bool, int | None, int | None, int, int | None]


@dataclass(slots=True)
class Entry:
    """sent: key → hash of what browsers got last of it, for values of which they get a part."""

    workspace_id: UUID | None
    online: bool
    is_gateway: bool = False
    clock_skew_ms: int | None = None
    pk: int = 0
    workspace_pk: int | None = None
    sent: dict[str, int] = field(default_factory=dict)


class Directory:
    """Thread-safe by replacing entries; `load` and `look_up` query the database, the rest never does."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        #: SNs of docks, for who follows them (LiveBuffer).
        self.docks: set[str] = set()
        #: SNs that left a workspace or are gone, for who keeps their values (Ticker): nobody else sees what was before.
        self.moved: deque[str] = deque()
        self._unknown: dict[str, float] = {}
        #: One object for all devices of a workspace.
        self._shared: dict[UUID | None, UUID | None] = {}
        self._wanted: set[str] = set()
        self._lock = threading.Lock()

    def get(self, sn: str) -> Entry | None:
        return self._entries.get(sn)

    def is_unknown(self, sn: str) -> bool:
        """True if the SN was looked up a moment ago and nobody knows it."""
        return time.monotonic() - self._unknown.get(sn, float("-inf")) < UNKNOWN_FOR

    def want(self, sns: Iterable[str]) -> None:
        """Ask for these to be looked up (again) by the next `look_up`."""
        with self._lock:
            self._wanted.update(sns)

    def online(self) -> list[str]:
        return [sn for sn, entry in self._entries.copy().items() if entry.online]

    def load(self) -> list[str]:
        """Read all devices; returns those that came, went or joined without an announcement that reached us."""
        before = {sn: (entry.workspace_id, entry.online) for sn, entry in self._entries.copy().items()}
        found = self._store(Device.objects.unscoped().values_list(*_COLUMNS).iterator())
        now = ((sn, self._entries[sn]) for sn in found)
        return [sn for sn, entry in now if before and before.get(sn) != (entry.workspace_id, entry.online)]

    def look_up(self) -> None:
        """Read the devices that were asked for, a few hundred at a time."""
        with self._lock:
            wanted, self._wanted = self._wanted, set()
        sns = sorted(wanted)
        for start in range(0, len(sns), 500):
            batch = sns[start : start + 500]
            rows = Device.objects.unscoped().filter(sn__in=batch)
            found = self._store(rows.values_list(*_COLUMNS))
            self._forget(set(batch) - found)

    def _store(self, rows: Iterable[_Row]) -> set[str]:
        found = set()
        for sn, workspace_id, online, domain, clock_skew_ms, pk, workspace_pk in rows:
            known = self._entries.get(sn)
            same_browsers = known is not None and known.workspace_id == workspace_id
            if known is not None and known.workspace_id is not None and not same_browsers:
                self.moved.append(sn)  # before the new owner is known: nothing of before is delivered to them
            self._entries[sn] = Entry(
                self._shared.setdefault(workspace_id, workspace_id),
                online,
                is_gateway=domain in (CONTROLLER, DOCK),
                clock_skew_ms=clock_skew_ms,
                pk=pk,
                workspace_pk=workspace_pk,
                sent=known.sent if known and same_browsers else {},
            )
            self._unknown.pop(sn, None)
            (self.docks.add if domain == DOCK else self.docks.discard)(sn)
            found.add(sn)
        return found

    def _forget(self, sns: set[str]) -> None:
        if len(self._unknown) + len(sns) > MAX_UNKNOWN:
            self._unknown.clear()
        for sn in sns:
            if self._entries.pop(sn, None) is not None:
                self.moved.append(sn)
            self._unknown[sn] = time.monotonic()
