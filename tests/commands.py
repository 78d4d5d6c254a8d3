"""`manage.py` of one platform, by a process that has loaded Django once (`tests.warm_django`)."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from cloudapi.platform import BASE_DIR


class CommandFailed(Exception):
    """A management command ended with a non-zero exit code; the text is its standard error."""


class Commands:
    """Thread-safe; one command at a time. `log` gets what the loading of Django has to say."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self._env = env
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def run(self, *arguments: str, seconds: float) -> str:
        """Its standard output. Raises CommandFailed."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({"arguments": arguments, "seconds": seconds}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        if not answer:
            raise CommandFailed(f"manage.py {' '.join(arguments)}: {self._log.read_text()[-4000:]}")
        done = json.loads(answer)
        if done["code"]:
            raise CommandFailed(f"manage.py {' '.join(arguments)}: {done['err'][-4000:]}")
        return str(done["out"])

    def close(self) -> None:
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
                self._process.wait(10)
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.warm_django"],
                    env=dict(self._env), cwd=BASE_DIR, text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                )  # fmt: skip
        return self._process
