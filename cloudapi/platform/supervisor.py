"""supervisord as a child of the runner: keeps the processes alive, and is asked over a private socket."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client  # nosec B411  # to our own supervisord, over a private socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from cloudapi.platform import BASE_DIR
from cloudapi.platform.processes import bound_to_parent
from cloudapi.platform.supervisor_conf import Groups, render

#: sockaddr_un holds 108 bytes on Linux and 104 on macOS; supervisord first binds to this name with its pid appended.
SOCKET_PATH_LIMIT = 90


@dataclass(frozen=True)
class State:
    name: str
    #: supervisord's words: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL.
    word: str
    pid: int
    started_at: int
    #: What supervisord says of the last end, such as "exit status 1; not expected".
    ended: str
    log: Path


class SupervisorGone(Exception):
    """supervisord itself has ended."""


class Supervisor:
    def __init__(self, data_dir: Path, groups: Groups) -> None:
        self.logs = data_dir / "logs"
        self.logs.mkdir(exist_ok=True)
        self._private = ""
        socket = data_dir / "supervisor.sock"
        if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
            self._private = tempfile.mkdtemp(prefix="cloudapi-", dir="/tmp")  # nosec B108
            socket = Path(self._private) / "supervisor.sock"
        self._config = data_dir / "supervisord.conf"
        self._config.write_text(render(groups, data_dir, self.logs, socket))
        self._url = f"unix://{socket}"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._last: list[State] = []

    @property
    def _rpc(self) -> Any:
        """A fresh connection for each question: a signal may have torn the last one apart."""
        transport = SupervisorTransport(serverurl=self._url)
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def start(self, environment: Mapping[str, str], lock: int) -> None:
        """Starts supervisord without any process. It holds the lock of DATA_DIR until the last process has ended, and
        begins to stop them all when the runner dies.
        """
        argv = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self._config)]
        with (self.logs / "supervisord.err").open("wb") as errors:
            self._daemon = subprocess.Popen(
                bound_to_parent(argv, keep=lock),
                env=dict(environment),
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C is for the runner, which then stops everything in order
            )
        deadline = time.monotonic() + 20
        while not self._answers():
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise SupervisorGone
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return bool(self._rpc.getState())
        except (OSError, xmlrpc.client.Error):
            return False

    def start_group(self, name: str) -> None:
        self._rpc.startProcessGroup(name, False)

    def states(self) -> list[State]:
        """Raises:
        SupervisorGone: there's nobody to ask.
        """
        try:
            infos = self._rpc.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error) as error:
            raise SupervisorGone from error
        self._last = [
            State(
                name=info["name"],
                word=info["statename"],
                pid=info["pid"],
                started_at=info["start"],
                ended=info["spawnerr"] or f"exit status {info['exitstatus']}",
                log=self.logs / f"{info['name']}.log",
            )
            for info in infos
        ]
        return self._last

    def stop(self, hurry: Callable[[], bool]) -> None:
        """Stops the groups, the last one first, by SIGTERM and after each process's time by SIGKILL, then supervisord.

        Args:
            hurry: asked all the time; once true, everything is killed.
        """
        if self._daemon is None:
            return
        with contextlib.suppress(SupervisorGone):
            self.states()  # for the process ids
        if self._daemon.poll() is None:
            self._daemon.terminate()
        while self._daemon.poll() is None and not hurry():
            time.sleep(0.05)
        self._end_leftovers(0 if hurry() else 5)
        self._daemon.kill()
        self._daemon.wait()
        if self._private:
            with contextlib.suppress(OSError):
                Path(self._private, "supervisor.sock").unlink(missing_ok=True)
                Path(self._private).rmdir()

    def _end_leftovers(self, patience: float) -> None:
        """After an orderly stop there are none. Each process is the leader of its own group."""
        groups = [state.pid for state in self._last if state.pid]
        deadline = time.monotonic() + patience
        while any(map(_exists, groups)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
