"""Child processes of the tests: they log to a file, can be killed and started again, and never outlive pytest."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30, every: float = 0.05) -> None:
    """Returns as soon as `condition` holds; fails with `what` when it doesn't within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


class Child:
    """One process, with a process group of its own."""

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str],
        user: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.argv = list(argv)
        self.log = log
        self.env = dict(env)
        self.user = user
        self.stop_signal = stop_signal
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                env=self.env,
                cwd=self.log.parent if self.user is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self.user,
                start_new_session=True,
                preexec_fn=self._die_with_pytest if sys.platform == "linux" else None,
            )

    def _die_with_pytest(self) -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, self.stop_signal)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to this process alone; after SIGKILL it is gone when this returns."""
        os.kill(self.pid, number)
        if number == signal.SIGKILL:
            assert self.process is not None
            self.process.wait()

    def stop(self, seconds: float = 15) -> int | None:
        """Ends it in good order, with force after the time, and with it whatever it has left. Returns its exit code."""
        if self.process is None:
            return None
        if self.is_running:
            self.kill(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.process.wait()

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
