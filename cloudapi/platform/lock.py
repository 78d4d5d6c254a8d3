"""One platform per DATA_DIR: two Valkeys or two workers on the same files would destroy each other's data."""

import fcntl
import os
import time
from pathlib import Path

from cloudapi.platform import PlatformError

#: A runner that was killed leaves a supervisor that still stops its processes; it holds the lock until it is done.
PATIENCE_SECONDS = 30


def take(data_dir: Path, address: str) -> int:
    """Takes the lock of `data_dir` and returns its open file; whoever inherits that file holds the lock as well.

    Args:
        address: where this platform will answer; told to whoever finds the lock taken.

    Raises:
        PlatformError: a running platform has it, or the directory cannot be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data_dir / "platform.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise PlatformError(f"DATA_DIR {data_dir} cannot be written: {error.strerror}.") from error
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _locked(lock):
        pid, _, where = os.pread(lock, 200, 0).decode(errors="replace").strip().partition(" ")
        if _is_alive(pid) or time.monotonic() > deadline:
            os.close(lock)
            raise PlatformError(
                f"A platform runs with DATA_DIR {data_dir} (process {pid}, {where}). "
                "Stop it, or choose another one, as in `DATA_DIR=/tmp/second make run`."
            )
        time.sleep(0.2)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()} {address}\n".encode(), 0)
    return lock


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
