"""Container health checks, without loading Django: `python -m cloudapi.platform.health web|mqtt_worker|celery`.

Reads HTTP_PORT, PUBLIC_URL and REDIS_URL from the environment. Exit code 0 is healthy.
"""

import os
import socket
import sys
from collections.abc import Callable

from cloudapi.platform import probes


def web() -> bool:
    host = probes.host_header(os.environ.get("PUBLIC_URL", ""))
    return probes.web("127.0.0.1", int(os.environ.get("HTTP_PORT", "8000")), host)


def mqtt_worker() -> bool:
    return probes.mqtt_worker(os.environ["REDIS_URL"])


def celery() -> bool:
    return probes.celery_worker(os.environ["REDIS_URL"], f"celery@{socket.gethostname()}")


CHECKS: dict[str, Callable[[], bool]] = {"web": web, "mqtt_worker": mqtt_worker, "celery": celery}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print(f"usage: python -m cloudapi.platform.health {'|'.join(CHECKS)}", file=sys.stderr)  # noqa: T201
        return 2
    return 0 if CHECKS[arguments[0]]() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
