"""Which messages we handle, and where each runs. `manage.py mqtt_worker --routes` prints this table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from mqtt_bridge.context import Context
from mqtt_bridge.handlers.config import config
from mqtt_bridge.handlers.nothing import nothing_to_fetch
from mqtt_bridge.handlers.organization import bind_status, organization_bind, organization_get
from mqtt_bridge.handlers.topology import update_topo
from mqtt_bridge.payloads.dock import BindStatus, Config, OrganizationBind, OrganizationGet, UpdateTopo
from mqtt_bridge.topics import Kind

Handler = Callable[[Context, Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table.

    remember: the reply is kept in the ledger and a repeat of the request gets it again, without a second effect. Not
    for answers that change nothing: they are made anew (and `config` holds secrets that the ledger must not keep).
    reads_only: needs no transaction, and no turn after the gateway's other requests.
    """

    kind: Kind
    method: str
    payload: Any
    handler: Handler
    remember: bool = False
    reads_only: bool = False


ROUTES: dict[tuple[Kind, str], Route] = {
    (route.kind, route.method): route
    for route in (
        Route("requests", "config", Config, config, reads_only=True),
        Route("requests", "airport_bind_status", BindStatus, bind_status, reads_only=True),
        Route("requests", "airport_organization_get", OrganizationGet, organization_get, remember=True),
        Route("requests", "airport_organization_bind", OrganizationBind, organization_bind, remember=True),
        Route("requests", "flight_areas_get", msgspec.Raw, nothing_to_fetch, reads_only=True),
        Route("requests", "offline_map_get", msgspec.Raw, nothing_to_fetch, reads_only=True),
        Route("status", "update_topo", UpdateTopo, update_topo),
    )
}

#: What becomes of a message by its topic: "task" is handed to Celery, "inline" is handled in the worker's own thread
#: (live state: no Celery, no query), "heard" only counts as a sign of life. States and events that say `need_reply` are
#: confirmed with `result` 0, by a task.
RUNS: dict[Kind, Literal["task", "inline", "heard"]] = {
    "requests": "task",
    "status": "task",
    "osd": "inline",
    "state": "inline",
    "events": "heard",
    "services_reply": "heard",
    "property_set_reply": "heard",
}


def find(kind: Kind, method: str) -> Route | None:
    return ROUTES.get((kind, method))


def table() -> list[tuple[str, str, str, str]]:
    """(topic kind, method, where it runs, handler) of everything that is handled."""
    rows: list[tuple[str, str, str, str]] = [
        (route.kind, route.method, "task", f"{route.handler.__module__}.{route.handler.__name__}")
        for route in ROUTES.values()
    ]
    rows += [
        ("requests", "(any other)", "task", "answered: unsupported"),
        ("status", "(any other)", "task", "answered: unsupported"),
    ]
    rows += [
        (kind, "(any)", run, "devices.buffer" if run == "inline" else "sign of life")
        for kind, run in RUNS.items()
        if run != "task"
    ]
    return rows
