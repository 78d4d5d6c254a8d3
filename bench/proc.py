"""CPU time, memory and file descriptors of processes, from /proc."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int, *, family: bool = False) -> float:
    """User and system time of a process with its threads; `family`: and of its children, also those that ended."""
    total = 0.0
    for one in family_of(pid) if family else [pid]:
        if (stat := _stat(one)) is not None:
            times = [int(stat[index]) for index in ((11, 12, 13, 14) if family else (11, 12))]
            total += sum(times) / _TICKS
    return total


def family_of(pid: int) -> list[int]:
    """The process and all that descend from it."""
    parents = {int(path.name): int(stat[1]) for path in _processes() if (stat := _stat(int(path.name))) is not None}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def favour(pid: int) -> None:
    """Under `nice`, give the process's session our own rank: Linux ranks sessions, not processes (autogroup)."""
    rank = os.nice(0)
    if rank < 0:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(str(rank))


def memory_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _stat(pid: int) -> list[str] | None:
    """The fields after the name, so that the state is the first."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _processes() -> Iterable[Path]:
    return (path for path in Path("/proc").iterdir() if path.name.isdigit())
