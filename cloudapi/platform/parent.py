"""When `make` is the parent: a signal that reaches only make must stop the platform as well.

Ctrl-C in a terminal reaches the whole group, and make passes SIGTERM on; but a SIGINT sent to make alone makes it wait
for its children without telling them, and a SIGKILL leaves them running.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def follow_make() -> bool:
    """Arranges that this process gets SIGTERM when its parent dies, if that parent is make. Linux only.

    True if make's interruption can be seen, too: one that was started in the background of a script ignores SIGINT from
    the beginning, and looks as if it had been interrupted.
    """
    if sys.platform != "linux" or not os.environ.get("MAKELEVEL") or _proc(os.getppid(), "comm").strip() != "make":
        return False
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return not make_was_interrupted()


def make_was_interrupted() -> bool:
    """make stops catching SIGINT (it resets the handler first) once it has been interrupted."""
    for line in _proc(os.getppid(), "status").splitlines():
        if line.startswith("SigCgt:"):
            return not int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1
    return False


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""
