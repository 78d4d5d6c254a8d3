"""Whose a controller and its aircraft are: another workspace's, another organization's, a dock."""

from typing import Any

import pytest

from devices import ownership
from devices.models import Device
from mqtt_bridge.broker_access.amqtt_plugin import roles_of_login
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from tests.factories import device, make_bound, make_gateway
from tests.unit.controllers.steps import AIR, RC, bind, name_controller, report
from tests.unit.dji import ask, make_controller, token
from workspaces import services
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db


def snapshot() -> Any:
    """Everything that a refusal must leave alone."""
    return (
        list(MqttCredential.objects.unscoped().values()),
        list(UnpinnedCredential.objects.unscoped().values()),
        [(row.sn, row.workspace_id) for row in Device.objects.unscoped()],
    )


def test_a_colleague_of_another_workspace_takes_it_along(ours: Workspace) -> None:
    first = token(ours, Role.PILOT)
    name_controller(first)
    report(RC, AIR)
    assert bind(first).data == ""
    elsewhere = services.create_workspace(organization=ours.organization)
    second = token(elsewhere, Role.PILOT)
    refused = bind(second)
    assert (refused.code, refused.message) == (210231, "Log in on this controller first.")
    assert name_controller(second).data
    assert bind(second).data == ""
    assert device(RC).workspace == elsewhere
    assert device(AIR).workspace == ours, "an aircraft moves when it is asked for"
    assert bind(second, AIR).data == ""
    assert device(AIR).workspace == elsewhere


@pytest.mark.parametrize("bound", [True, False])
def test_what_another_organization_has_is_refused(ours: Workspace, theirs: Workspace, bound: bool) -> None:
    given = token(theirs, Role.PILOT)
    name_controller(given)
    report(RC, AIR)
    if bound:
        assert bind(given).data == ""
    before = snapshot()
    intruder = token(ours, Role.PILOT)
    for answer in (name_controller(intruder), bind(intruder), bind(intruder, AIR)):
        assert answer.code == 210232
        assert "belongs to another organization. Ask its administrators to release it." in answer.message
    assert snapshot() == before
    assert bind(token(ours, Role.ADMIN)).code == 210232


def test_a_foreign_aircraft_at_an_own_controller_is_refused(ours: Workspace, theirs: Workspace) -> None:
    make_bound(theirs, "DOCKB", AIR)
    given = token(ours, Role.PILOT)
    name_controller(given)
    assert report(RC, AIR) == 210234
    assert report(RC) == 0
    assert bind(given).data == ""
    assert bind(given, AIR).code == 210232
    assert device(AIR).workspace == theirs


def test_a_released_controller_is_free_for_others(ours: Workspace, theirs: Workspace) -> None:
    first, second = token(theirs, Role.PILOT), token(ours, Role.PILOT)
    old = name_controller(first).data
    report()
    bind(first)
    assert name_controller(second).refused
    assert ask("DELETE", f"/devices/{RC}/unbinding", token=token(theirs, Role.ADMIN)).data == ""
    # Its old pilot's controller still speaks.
    report()
    assert name_controller(second).data
    assert roles_of_login(old["mqtt_username"], old["mqtt_password"], RC) == []
    report()
    assert bind(second).data == ""
    assert device(RC).workspace == ours
    assert name_controller(first).code == 210232


@pytest.mark.parametrize("model_key", ["3-2-0", ""])
def test_a_dock_stays_out_of_reach(ours: Workspace, model_key: str) -> None:
    make_gateway(ours, "DOCK1", model_key)
    before = snapshot_of("DOCK1")
    given = token(ours, Role.PILOT)
    answer = name_controller(given, "DOCK1")
    assert answer.refused
    assert "not a remote controller" in answer.message
    assert snapshot_of("DOCK1") == before
    Device.objects.unscoped().filter(sn="DOCK1").update(online=True, offline_reason="")
    assert bind(given, "DOCK1").refused
    assert device("DOCK1").workspace is None


def snapshot_of(sn: str) -> Any:
    return MqttCredential.objects.unscoped().filter(gateway_sn=sn).values().get()


def test_an_aircraft_is_no_controller(ours: Workspace) -> None:
    make_bound(ours, "DOCK1", AIR)
    assert name_controller(token(ours, Role.PILOT), AIR).refused


def test_a_controller_that_was_added_again_after_its_release_is_not_free(ours: Workspace, theirs: Workspace) -> None:
    make_controller(theirs, RC)
    ownership.release(device=device(RC))
    make_gateway(theirs, RC, "2-144-0")
    assert name_controller(token(ours, Role.PILOT)).code == 210232
    assert MqttCredential.objects.unscoped().get(gateway_sn=RC).workspace == theirs
