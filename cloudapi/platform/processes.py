"""The processes of cloudapi and how each is started; `make run`, the tests and deploy/compose.yml agree on it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cloudapi.platform import BASE_DIR

LAUNCHER = BASE_DIR / "cloudapi" / "platform" / "dies_with_parent.py"


@dataclass(frozen=True)
class Process:
    name: str
    argv: tuple[str, ...]
    #: How long it may take to end after SIGTERM, before SIGKILL.
    stop_seconds: int = 5


def bound_to_parent(argv: Sequence[str], keep: int | None = None) -> list[str]:
    """The command that starts `argv` so that it ends when its parent does."""
    kept = [] if keep is None else ["--keep", str(keep)]
    return [sys.executable, "-I", "-S", str(LAUNCHER), *kept, *argv]


def manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(BASE_DIR / "manage.py"), *arguments)


def amqtt(address: str, port: int) -> Process:
    return Process("broker", manage("amqtt_broker", "--host", address, "--port", str(port)))


def application(address: str, http_port: int) -> list[Process]:
    """Daphne, mqtt_worker, Celery's worker and beat.

    Beat is a process of its own, because a beat inside a worker survives when that worker is killed.
    """
    web = (sys.executable, "-m", "cloudapi.web", "-b", address, "-p", str(http_port))
    celery = (sys.executable, "-m", "celery", "-A", "cloudapi")
    return [
        Process("web", web),
        Process("mqtt_worker", manage("mqtt_worker"), stop_seconds=10),
        Process("celery", (*celery, "worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle"), 10),
        Process("beat", (*celery, "beat", "--loglevel", "INFO")),
    ]


def simulators() -> list[Process]:
    return [
        Process("dock", manage("simulate", "dock", "--demo")),
        Process("controller", manage("simulate", "controller", "--demo")),
    ]
