"""What `make run` says to the person who started it."""

import os
import sys
from pathlib import Path


def say(text: str) -> None:
    """A line to standard output at once. Nobody has to read it: a closed pipe must not end the platform."""
    try:
        print(text, flush=True)  # noqa: T201
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def tail(log: Path, lines: int = 12) -> str:
    """Where a log is, and its last lines."""
    try:
        last = log.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        last = []
    return f"Its log is {log}" + (", which ends with:\n  " + "\n  ".join(last) if last else ", and is empty.")
