"""What a result was measured on."""

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = (
    "Django",
    "paho-mqtt",
    "msgspec",
    "redis",
    "hiredis",
    "channels",
    "channels-redis",
    "daphne",
    "celery",
    "psycopg",
)


def describe() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "mosquitto": _first_line("mosquitto", "-h"),
        "commit": _first_line("git", "rev-parse", "--short", "HEAD"),
        "load_average": os.getloadavg(),
        "nice": os.nice(0),
    }


def _field(path: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.*)$", Path(path).read_text(), re.MULTILINE)
    return found[1] if found else ""


def _first_line(*command: str) -> str:
    found = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        return ""
    done = subprocess.run([found, *command[1:]], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0] if done.stdout or done.stderr else ""
