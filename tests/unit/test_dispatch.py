"""Dispatch: every documented request gets the documented answer, and whatever happens there is one."""

import json
from typing import Any

import pytest
from django.db import OperationalError

from mqtt_bridge import dispatch, message, publisher, registry, tasks
from mqtt_bridge.models import HandledRequest
from mqtt_bridge.registry import Route
from mqtt_bridge.results import INTERNAL_ERROR, INVALID_PARAMETER, NOT_REGISTERED, UNSUPPORTED
from tests.factories import FRAMES, frame, make_bound, make_gateway, payload, send
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
DOCK = "DOCK0001"


@pytest.fixture
def dock(ours: Workspace) -> str:
    make_bound(ours, DOCK)
    return DOCK


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What tasks publish: topic and payload."""
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(publisher, "publish", lambda topic, text: sent.append((topic, json.loads(text))))
    return sent


# --- documented frames ------------------------------------------------------------------------------------------------
ANSWERS: dict[str, dict[str, Any]] = {
    "airport_bind_status": {
        "result": 0,
        "output": {
            "bind_status": [
                {"sn": sn, "is_device_bind_organization": False, "organization_id": "", "organization_name": "",
                 "device_callsign": ""}
                for sn in ("drone-sn", "dock-sn")
            ]
        },
    },
    "airport_organization_bind": {
        "result": 0,
        "output": {"err_infos": [{"sn": "dock-sn", "err_code": 210231}, {"sn": "drone-sn", "err_code": 210231}]},
    },
    "airport_organization_get": {"result": 210230},
    "config": {
        "app_id": "135792", "app_key": "the-app-key", "app_license": "the-app-licence",
        "ntp_server_host": "ntp.alpine.example", "ntp_server_port": 123,
    },
    "flight_areas_get": {"result": 0},
    "offline_map_get": {"result": 0},
    "unknown_request": {"result": UNSUPPORTED},
    "update_topo": {"result": 0},
    "update_topo_controller": {"result": 0},
    "update_topo_no_aircraft": {"result": 0},
}  # fmt: skip


def _is_request(name: str) -> bool:
    read = json.loads((FRAMES / f"{name}.json").read_text())
    return read["direction"] == "up" and read["topic"].rsplit("/", 1)[1] in ("requests", "status")


def test_every_recorded_request_is_in_the_table() -> None:
    assert {path.stem for path in FRAMES.glob("*.json") if _is_request(path.stem)} == set(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_recorded_request_gets_its_answer_with_its_ids(
    dock: str, published: list[tuple[str, dict[str, Any]]], name: str
) -> None:
    kind, sent = frame(name)
    request = message.read(kind, dock, json.dumps(sent).encode(), 1_700_000_000_000)
    tasks.handle(request.to_json())
    [(topic, reply)] = published
    assert topic == (
        f"thing/product/{dock}/requests_reply" if kind == "requests" else f"sys/product/{dock}/status_reply"
    )
    assert reply.pop("timestamp") > 1_700_000_000_000
    expected: dict[str, Any] = {key: sent[key] for key in ("tid", "bid", "method", "gateway") if key in sent}
    assert reply == expected | {"data": ANSWERS[name]}


# --- config -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "data",
    [None, {}, [], {"config_type": "json"}, {"config_type": "xml", "config_scope": "product"},
     {"config_type": "json", "config_scope": "device"}, {"config_type": None, "config_scope": "product"},
     {"config_type": ["json"], "config_scope": "product"}],
)  # fmt: skip
def test_config_of_an_unknown_type_or_scope_is_refused(dock: str, data: object) -> None:
    assert send(dock, "config", data) == {"result": INVALID_PARAMETER}


def test_config_is_that_of_the_accounts_organization_before_the_binding(ours: Workspace, theirs: Workspace) -> None:
    asked = {"config_type": "json", "config_scope": "product"}
    answer = send(make_gateway(theirs), "config", asked)
    assert isinstance(answer["ntp_server_port"], int)
    assert {type(value) for key, value in answer.items() if key != "ntp_server_port"} == {str}
    assert send("STRANGER", "config", asked) == {"result": NOT_REGISTERED}


# --- anything else ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["", "update_topo", "CONFIG", "x" * 128, None, 5, {}, "a\nb"])
def test_any_other_request_is_answered_with_unsupported(dock: str, method: Any) -> None:
    assert send(dock, method, {}) == {"result": UNSUPPORTED}


def test_a_request_that_the_worker_refused_is_answered_with_its_result(dock: str) -> None:
    request = message.read("requests", dock, payload("config", {"config_type": "json"}), 5)
    assert dispatch.answer(message.answered(request, INVALID_PARAMETER)) == {"result": INVALID_PARAMETER}


@pytest.mark.parametrize("error", [ValueError("?"), KeyError(1), RecursionError(), OperationalError("gone")])
def test_a_handler_that_fails_is_answered_and_leaves_nothing_behind(
    dock: str, published: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_context: object, _payload: object) -> dict[str, Any]:
        raise error

    row = Route("requests", "config", dict, fail, remember=True)
    monkeypatch.setitem(registry.ROUTES, ("requests", "config"), row)
    monkeypatch.setattr(tasks, "DATABASE_RETRIES", ())
    HandledRequest.objects.all().delete()
    tasks.handle(message.read("requests", dock, payload("config", {}), 5).to_json())
    assert published[0][1]["data"] == {"result": INTERNAL_ERROR}
    assert not HandledRequest.objects.exists()


def test_the_table_of_routes_names_everything(dock: str) -> None:
    printed = registry.table()
    assert {(kind, method) for kind, method, _run, _where in printed} >= set(registry.ROUTES)
    assert {kind for kind, *_rest in printed} == set(registry.RUNS)
