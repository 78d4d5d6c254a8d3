"""`manage.py` commands in milliseconds: each runs in a process forked from one that has loaded Django.

Loading is most of a command's second, and the live tests run a thousand commands. Reads a line of JSON per command,
`{"arguments": […], "seconds": s}`, and answers with `{"code", "out", "err"}`; ends with its standard input.
"""

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from typing import Any, NoReturn

TIMED_OUT = 124


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudapi.settings")
    import django

    django.setup()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        answers.write(json.dumps(run(**json.loads(line))) + "\n")


def run(arguments: list[str], seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            _be_the_command(arguments, out.fileno(), err.fileno())
        code = _end_of(pid, seconds)
        return {"code": code, "out": _text(out), "err": _text(err)}


def _be_the_command(arguments: list[str], out: int, err: int) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.argv = ["manage.py", *arguments]
    code = 1
    try:
        from manage import main as manage

        manage()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_of(pid: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return TIMED_OUT
        time.sleep(0.005)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


if __name__ == "__main__":
    main()
