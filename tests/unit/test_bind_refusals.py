"""Codes and requests that do not let in: refused in the same words, whatever is wrong."""

from collections.abc import Callable

import pytest

from mqtt_bridge.results import (
    BIND_FAILED,
    INVALID_PARAMETER,
    NOT_REGISTERED,
    ORGANIZATION_GET_FAILED,
)
from tests.factories import (
    Clock,
    bind,
    bind_data,
    code_row,
    device,
    make_code,
    make_gateway,
    organization_get,
    send,
    wrong_codes,
)
from workspaces import services
from workspaces.models import Workspace


# --- codes that do not let in, and must not say why -------------------------------------------------------------------
def _unknown(ours: Workspace, theirs: Workspace, clock: Clock) -> tuple[str, str]:
    return "ABCDEFGHJKMN", ours.organization.organization_id


def _empty(ours: Workspace, theirs: Workspace, clock: Clock) -> tuple[str, str]:
    return "", ""


def _expired(ours: Workspace, theirs: Workspace, clock: Clock) -> tuple[str, str]:
    code = make_code(ours, hours=1)
    clock.forward(hours=1)
    return code, ours.organization.organization_id


def _used_up(ours: Workspace, theirs: Workspace, clock: Clock) -> tuple[str, str]:
    code, other = make_code(ours), make_gateway(ours)
    assert bind(other, code, ours.organization) == {other: 0}
    return code, ours.organization.organization_id


def _revoked(ours: Workspace, theirs: Workspace, clock: Clock) -> tuple[str, str]:
    code = make_code(ours)
    services.revoke_bind_code(bind_code=code_row(code))
    return code, ours.organization.organization_id


def _wrong_organization_id(ours: Workspace, theirs: Workspace, clock: Clock) -> tuple[str, str]:
    return make_code(ours), theirs.organization.organization_id


def _code_of_another_organization(ours: Workspace, theirs: Workspace, clock: Clock) -> tuple[str, str]:
    return make_code(theirs), theirs.organization.organization_id


def _code_of_another_organization_with_our_id(ours: Workspace, theirs: Workspace, clock: Clock) -> tuple[str, str]:
    return make_code(theirs), ours.organization.organization_id


WRONG = [
    _unknown, _empty, _expired, _used_up, _revoked, _wrong_organization_id,
    _code_of_another_organization, _code_of_another_organization_with_our_id,
]  # fmt: skip
Wrong = Callable[[Workspace, Workspace, Clock], tuple[str, str]]


@pytest.mark.parametrize("wrong", WRONG)
def test_every_code_that_does_not_let_in_is_refused_in_the_same_words(
    ours: Workspace, theirs: Workspace, clock: Clock, wrong: Wrong
) -> None:
    gateway = make_gateway(ours)
    code, organization_id = wrong(ours, theirs, clock)
    used = code_row(code).used_docks if code not in ("", "ABCDEFGHJKMN") else None
    assert organization_get(gateway, code, organization_id) == {"result": ORGANIZATION_GET_FAILED}
    answer = send(gateway, "airport_organization_bind", bind_data(code, organization_id, [gateway, "PLANE"]))
    refused = [{"sn": gateway, "err_code": BIND_FAILED}, {"sn": "PLANE", "err_code": BIND_FAILED}]
    assert answer == {"result": 0, "output": {"err_infos": refused}}
    assert wrong_codes(gateway) == 2
    assert device(gateway).workspace is None
    assert used is None or code_row(code).used_docks == used


def test_a_locked_out_gateway_gets_the_same_answer_for_a_good_code(ours: Workspace, clock: Clock) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(5):
        organization_get(gateway, "WRONG", ours.organization.organization_id)
    good = organization_get(gateway, code, ours.organization.organization_id)
    assert good == {"result": ORGANIZATION_GET_FAILED}
    assert bind(gateway, code, ours.organization) == {gateway: BIND_FAILED}


def test_devices_with_different_codes_in_one_request_are_refused(ours: Workspace) -> None:
    gateway, code = make_gateway(ours), make_code(ours, docks=2)
    data = bind_data(code, ours.organization.organization_id, [gateway, "PLANE"])
    data["bind_devices"][1]["device_binding_code"] = make_code(ours)
    answer = send(gateway, "airport_organization_bind", data)
    assert [entry["err_code"] for entry in answer["output"]["err_infos"]] == [BIND_FAILED, BIND_FAILED]


def test_a_gateway_without_an_account_is_refused(ours: Workspace) -> None:
    code, organization_id = make_code(ours), ours.organization.organization_id
    assert organization_get("STRANGER", code, organization_id) == {"result": NOT_REGISTERED}
    data = bind_data(code, organization_id, ["STRANGER"])
    assert send("STRANGER", "airport_organization_bind", data) == {"result": NOT_REGISTERED}


# --- malformed --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "data",
    [None, {}, [], {"bind_devices": None}, {"bind_devices": []}, {"bind_devices": [None]}, {"bind_devices": [{}]},
     bind_data("C", 1, ["A\n"]), bind_data("C", 1, ["A'"]), bind_data("C", 1, ["S" * 65]), bind_data("C", 1.5, ["A"]),
     bind_data("C", None, ["A"]), bind_data("C", 1, ["A"] * 65), bind_data("C" * 1025, 1, ["A"]),
     bind_data("C", 1, ["A"], device_callsign={}), bind_data("C", 1, ["A"], device_model_key=3)],
)  # fmt: skip
def test_malformed_requests_are_refused_and_not_counted_as_wrong_codes(ours: Workspace, data: object) -> None:
    gateway = make_gateway(ours)
    assert send(gateway, "airport_organization_bind", data) == {"result": INVALID_PARAMETER}
    assert send(gateway, "airport_organization_get", data) == {"result": INVALID_PARAMETER}
    assert wrong_codes() == 0


@pytest.mark.parametrize(
    "key", ["", "-", "3-2", "3-2-0-1", "256-0-0", "0-9999999-0", "x-y-z", "\uff13-2-0x", "\0", "⁵-1-1"]
)
def test_a_model_key_that_is_none_is_left_out(ours: Workspace, key: str) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    data = bind_data(code, ours.organization.organization_id, ["PLANE"], device_model_key=key)
    assert send(gateway, "airport_organization_bind", data)["output"]["err_infos"][0]["err_code"] == 0
    assert device("PLANE").model_key == ""
