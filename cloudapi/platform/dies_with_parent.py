"""Runs a command that gets SIGTERM when its parent dies, however it dies: `dies_with_parent.py [--keep FD] COMMAND …`.

Run as a file by `python -I -S`, so that it costs milliseconds; it is replaced by the command (same process id).
`--keep FD` hands an open file on as descriptor 3, which supervisord leaves alone (it closes all from 5 upwards).
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    if argv[0] == "--keep":
        kept, argv = int(argv[1]), argv[2:]
        if kept != 3:
            os.dup2(kept, 3)
            os.close(kept)
        os.set_inheritable(3, True)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(argv[0], argv)  # noqa: S606  no shell wanted


if __name__ == "__main__":
    main(sys.argv[1:])
