"""`airport_bind_status`, `airport_organization_get`, `airport_organization_bind`: who gets in and who is in."""

import pytest

from devices import ownership
from mqtt_bridge.results import (
    BIND_FAILED,
    BOUND_TO_ANOTHER_ORGANIZATION,
    INVALID_PARAMETER,
)
from tests.factories import (
    Clock,
    bind,
    bind_data,
    code_row,
    device,
    make_bound,
    make_code,
    make_gateway,
    make_workspace,
    organization_get,
    report_topology,
    send,
    wrong_codes,
)
from workspaces import services
from workspaces.models import AuditEntry, Workspace


# --- who is bound -----------------------------------------------------------------------------------------------------
def test_bind_status_answers_each_asked_sn_in_the_asked_order(ours: Workspace, theirs: Workspace) -> None:
    make_bound(ours, "DOCK-A", "PLANE-A")
    make_bound(theirs, "DOCK-B")
    asked = ["PLANE-A", "NOBODY", "DOCK-B", "DOCK-A", "PLANE-A"]
    answer = send("DOCK-A", "airport_bind_status", {"devices": [{"sn": sn} for sn in asked]})
    empty = {"organization_id": "", "organization_name": "", "device_callsign": ""}
    mine = {
        "is_device_bind_organization": True,
        "organization_id": ours.organization.organization_id,
        "organization_name": ours.organization.name,
        "device_callsign": "",
    }
    assert answer == {
        "result": 0,
        "output": {
            "bind_status": [
                {"sn": "PLANE-A", **mine},
                {"sn": "NOBODY", "is_device_bind_organization": False, **empty},
                {"sn": "DOCK-B", "is_device_bind_organization": True, **empty},
                {"sn": "DOCK-A", **mine},
                {"sn": "PLANE-A", **mine},
            ]
        },
    }


@pytest.mark.parametrize(
    "data",
    [None, [], {}, "DOCK", {"devices": None}, {"devices": {}}, {"devices": ["DOCK"]}, {"devices": [{}]},
     {"devices": [{"sn": None}]}, {"devices": [{"sn": 5}]}, {"devices": [{"sn": ""}]}, {"devices": [{"sn": "A\n"}]},
     {"devices": [{"sn": "A/B"}]}, {"devices": [{"sn": "A'B"}]}, {"devices": [{"sn": "S" * 500}]},
     {"devices": [{"sn": "A"}] * 65}],
)  # fmt: skip
def test_a_malformed_bind_status_request_is_refused(ours: Workspace, data: object) -> None:
    assert send(make_gateway(ours), "airport_bind_status", data) == {"result": INVALID_PARAMETER}


# --- codes that let in ------------------------------------------------------------------------------------------------
def test_a_good_code_gets_the_organizations_name_and_is_not_used_up(ours: Workspace) -> None:
    code = make_code(ours)
    answer = organization_get(make_gateway(ours), code, ours.organization.organization_id)
    assert answer == {"result": 0, "output": {"organization_name": ours.organization.name}}
    assert code_row(code).used_docks == 0


def test_a_code_may_be_typed_in_lower_case_with_hyphens_and_the_id_as_a_number(ours: Workspace) -> None:
    code = make_code(ours).lower()
    answer = organization_get(
        make_gateway(ours), f" {code[:4]}-{code[4:]}", int(ours.organization.organization_id)
    )  # fmt: skip
    assert answer["result"] == 0


def test_dock_and_aircraft_join_with_callsigns_and_models_in_the_asked_order(ours: Workspace) -> None:
    gateway, code = make_gateway(ours, model_key=""), make_code(ours)
    named = {"device_binding_code": code, "organization_id": ours.organization.organization_id}
    data = {
        "bind_devices": [
            {**named, "sn": "PLANE", "device_callsign": "Adler\0 1\n", "device_model_key": "0-91-1"},
            {**named, "sn": gateway, "device_callsign": "D" * 1000, "device_model_key": "3-9999-0"},
        ]
    }
    answer = send(gateway, "airport_organization_bind", data)
    assert answer["output"]["err_infos"] == [{"sn": "PLANE", "err_code": 0}, {"sn": gateway, "err_code": 0}]
    aircraft, dock = device("PLANE"), device(gateway)
    assert aircraft.workspace == dock.workspace == ours
    assert (aircraft.callsign, aircraft.model_key) == ("Adler 1", "0-91-1")
    assert (dock.callsign, dock.model_key) == ("D" * 100, "3-9999-0")
    assert code_row(code).used_docks == 1
    assert AuditEntry.objects.filter(action="device.bound").count() == 2


def test_a_gateway_that_names_only_its_aircraft_joins_with_it(ours: Workspace) -> None:
    gateway = make_gateway(ours)
    assert bind(gateway, make_code(ours), ours.organization, ["PLANE"]) == {"PLANE": 0}
    assert device(gateway).workspace == device("PLANE").workspace == ours


def test_aircraft_that_were_reported_before_the_binding_join_too(ours: Workspace) -> None:
    gateway = make_gateway(ours)
    report_topology(gateway, "PLANE")
    assert device("PLANE").workspace is None
    bind(gateway, make_code(ours), ours.organization)
    assert device("PLANE").workspace == ours


def test_a_code_for_two_docks_lets_in_two(ours: Workspace) -> None:
    code = make_code(ours, docks=2)
    docks = [make_gateway(ours) for _dock in range(3)]
    assert [bind(dock, code, ours.organization)[dock] for dock in docks] == [0, 0, BIND_FAILED]
    assert code_row(code).used_docks == 2


# --- repeats ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("since", ["nothing", "used up", "expired", "revoked"])
def test_repeating_a_binding_that_holds_is_answered_with_0_and_not_counted(
    ours: Workspace, clock: Clock, since: str
) -> None:
    gateway, code = make_gateway(ours), make_code(ours, docks=1 if since == "used up" else 2)
    assert bind(gateway, code, ours.organization, [gateway, "PLANE"]) == {gateway: 0, "PLANE": 0}
    if since == "expired":
        clock.forward(hours=73)
    if since == "revoked":
        services.revoke_bind_code(bind_code=code_row(code))
    assert bind(gateway, code, ours.organization, [gateway, "PLANE"]) == {gateway: 0, "PLANE": 0}
    assert code_row(code).used_docks == 1
    assert wrong_codes() == 0


@pytest.mark.parametrize("claimed", [True, False])
def test_a_dock_that_was_in_the_workspace_before_may_repeat_with_the_code_that_it_got(
    ours: Workspace, clock: Clock, claimed: bool
) -> None:
    gateway = make_gateway(ours)
    if claimed:
        ownership.claim(sns=[gateway], workspace=ours)
    else:
        bind(gateway, make_code(ours), ours.organization)
    code = make_code(ours)
    assert bind(gateway, code, ours.organization) == {gateway: 0}
    clock.forward(hours=73)
    assert bind(gateway, code, ours.organization) == {gateway: 0}
    assert organization_get(gateway, code, ours.organization.organization_id)["result"] == 0
    assert code_row(code).used_docks == 0


def test_a_released_dock_does_not_come_back_with_its_used_up_code(ours: Workspace) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    bind(gateway, code, ours.organization)
    ownership.release(device=device(gateway))
    assert bind(gateway, code, ours.organization) == {gateway: BIND_FAILED}
    assert device(gateway).workspace is None


def test_a_new_aircraft_joins_with_a_used_up_code_but_not_with_a_revoked_one(ours: Workspace) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    bind(gateway, code, ours.organization)
    assert bind(gateway, code, ours.organization, [gateway, "NEW"]) == {gateway: 0, "NEW": 0}
    services.revoke_bind_code(bind_code=code_row(code))
    assert bind(gateway, code, ours.organization, [gateway, "NEWER"]) == {gateway: BIND_FAILED, "NEWER": BIND_FAILED}
    assert wrong_codes() == 0, "a dock that was let in by the code repeats it, and guesses nothing"


def test_a_repeat_without_callsign_and_model_keeps_them(ours: Workspace) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    data = bind_data(
        code, ours.organization.organization_id, [gateway], device_callsign="Pad", device_model_key="3-2-0"
    )
    send(gateway, "airport_organization_bind", data)
    bind(gateway, code, ours.organization)
    assert (device(gateway).callsign, device(gateway).model_key) == ("Pad", "3-2-0")


# --- moving -----------------------------------------------------------------------------------------------------------
def test_a_code_of_another_workspace_of_the_organization_moves_the_dock(ours: Workspace) -> None:
    other, gateway = make_workspace(ours.organization), make_gateway(ours)
    bind(gateway, make_code(ours), ours.organization, [gateway, "PLANE"])
    code = make_code(other)
    assert bind(gateway, code, ours.organization, [gateway, "PLANE"]) == {gateway: 0, "PLANE": 0}
    assert device(gateway).workspace == device("PLANE").workspace == other
    assert code_row(code).used_docks == 1


@pytest.mark.parametrize("foreign", ["bound", "has an account"])
def test_a_device_of_another_organization_stops_the_whole_binding(
    ours: Workspace, theirs: Workspace, foreign: str
) -> None:
    if foreign == "bound":
        make_bound(theirs, "DOCK-B", "PLANE-B")
    else:
        make_gateway(theirs, "PLANE-B", model_key="")
    gateway, code = make_gateway(ours), make_code(ours)
    before = {sn: device(sn).workspace for sn in (gateway, "PLANE-B")}
    answer = bind(gateway, code, ours.organization, ["PLANE-A", "PLANE-B", gateway])
    assert answer == {
        "PLANE-A": BIND_FAILED, "PLANE-B": BOUND_TO_ANOTHER_ORGANIZATION, gateway: BIND_FAILED,
    }  # fmt: skip
    assert {sn: device(sn).workspace for sn in before} == before
    assert code_row(code).used_docks == 0
    assert wrong_codes() == 0
    assert AuditEntry.objects.get(action="device.bind_refused").target == "PLANE-B"


def test_a_dock_does_not_take_another_dock_along(ours: Workspace) -> None:
    gateway, other, code = make_gateway(ours), make_gateway(ours), make_code(ours)
    assert bind(gateway, code, ours.organization, [gateway, other]) == {gateway: BIND_FAILED, other: BIND_FAILED}
    assert code_row(code).used_docks == 0
    data = bind_data(code, ours.organization.organization_id, ["UNKNOWN"], device_model_key="2-56-0")
    answer = send(gateway, "airport_organization_bind", data)
    assert answer["output"]["err_infos"] == [{"sn": "UNKNOWN", "err_code": BIND_FAILED}]


def test_who_releases_what_has_changed_hands_since_releases_nothing(ours: Workspace, theirs: Workspace) -> None:
    """A page was loaded, a colleague has released the dock, and its new owner has bound it."""
    make_bound(ours, "DOCK")
    seen = device("DOCK")
    ownership.release(device=seen)
    ownership.claim(sns=["DOCK"], workspace=theirs)
    ownership.release(device=seen)
    assert device("DOCK").workspace == theirs
