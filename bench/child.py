"""A helper process that speaks lines of JSON: the load generator, the baseline, the watcher."""

import json
import subprocess
import sys
from typing import Any, Self

from cloudapi.platform import BASE_DIR


class Talker:
    """`python -m MODULE ARGUMENTS`, ended with the `with` block."""

    def __init__(self, module: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=BASE_DIR, env=env,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    def say(self, **wanted: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next line. Raises RuntimeError if the process has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def ask(self, **wanted: Any) -> dict[str, Any]:
        self.say(**wanted)
        return self.hear()
