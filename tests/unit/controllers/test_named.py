"""The account of a controller that the page names: whose, how many, and by whom it is taken over."""

from typing import Any

import pytest

from mqtt_bridge import credentials
from mqtt_bridge.broker_access.access import accesses
from mqtt_bridge.broker_access.amqtt_plugin import roles_of_login
from mqtt_bridge.broker_access.dynsec_file import account
from mqtt_bridge.models import MqttCredential
from tests.factories import Clock, device, make_gateway
from tests.unit.controllers.steps import AIR, RC, bind, name_controller, report
from tests.unit.dji import ask, make_controller, member, token, token_of
from workspaces.models import AuditEntry, Role, Workspace

pytestmark = pytest.mark.django_db


def test_the_whole_way(ours: Workspace) -> None:
    user = member(ours, Role.PILOT)
    given = token_of(user, ours)
    assert bind(given).body == {"code": -1, "message": "The device is not online yet. Try again in a moment."}
    data = name_controller(given).data
    assert data.keys() == {"mqtt_addr", "mqtt_username", "mqtt_password"}
    assert data["mqtt_addr"] == "tcp://127.0.0.1:1"
    assert data["mqtt_username"].startswith("pilot-")
    assert bind(given).code == -1
    assert report(RC, AIR) == 0
    assert device(RC).workspace is None
    assert bind(given).data == ""
    assert (device(RC).workspace, device(AIR).workspace) == (ours, ours)
    assert bind(given).data == ""
    assert bind(given, AIR).data == ""
    shown = ask("GET", f"/devices/null/devices/{RC}", token=given).data
    assert (shown["status"], shown["bound_status"], shown["children"]["device_sn"]) == (True, True, AIR)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.VIEWER])
def test_only_pilots_get_accounts(ours: Workspace, role: Role) -> None:
    assert name_controller(token(ours, role)).code == 403
    assert not MqttCredential.objects.unscoped().exists()
    if role != Role.ADMIN:
        assert bind(token(ours, role)).code == 403


def test_a_new_account_replaces_the_old_one(ours: Workspace) -> None:
    given = token(ours, Role.PILOT)
    first, second = name_controller(given).data, name_controller(given).data
    assert first["mqtt_username"] != second["mqtt_username"]
    assert first["mqtt_password"] != second["mqtt_password"]
    assert roles_of_login(first["mqtt_username"], first["mqtt_password"], RC) == []
    assert roles_of_login(second["mqtt_username"], second["mqtt_password"], RC)
    assert AuditEntry.objects.filter(action="controller.taken_over").count() == 0


def test_it_works_with_the_controller_s_client_id_only(ours: Workspace) -> None:
    data = name_controller(token(ours, Role.PILOT)).data
    for client_id in ("", "OTHER", f"{RC}2", RC.lower()):
        assert roles_of_login(data["mqtt_username"], data["mqtt_password"], client_id) == []
    [row] = MqttCredential.objects.unscoped()
    assert account(*accesses([row]))["clientid"] == RC


def test_an_account_works_with_its_sn_as_client_id_unless_a_setting_allows_another(
    ours: Workspace, settings: Any
) -> None:
    issued = MqttCredential.objects.unscoped().get(gateway_sn=make_gateway(ours, "DOCK1"))
    assert account(*accesses([issued]))["clientid"] == "DOCK1"
    assert roles_of_login("DOCK1", issued.password, "whatever") == []
    settings.MQTT_CLIENT_ID_IS_SN = False
    assert "clientid" not in account(*accesses([issued]))
    assert roles_of_login("DOCK1", issued.password, "whatever")


def test_every_account_is_in_the_audit_trail(ours: Workspace) -> None:
    """Also one for a controller that the workspace has, whose last account an admin removed."""
    user = member(ours, Role.PILOT)
    given = token_of(user, ours)
    make_controller(ours, RC)
    credentials.remove(credential=MqttCredential.objects.unscoped().get())
    names = [name_controller(given).data["mqtt_username"] for _ in range(2)]
    entries = AuditEntry.objects.filter(action="mqtt_credential.issued", user=user).order_by("pk")
    assert [(entry.target, entry.gateway_sn, entry.workspace) for entry in entries] == [
        (name, RC, ours) for name in names
    ]


def test_five_new_controllers_a_day(ours: Workspace, clock: Clock) -> None:
    user = member(ours, Role.PILOT)
    given, colleague = token_of(user, ours), token(ours, Role.PILOT)
    for number in (1, 2, 3, 4, 5, 1, 5):
        assert name_controller(given, f"RC{number}").data
    assert ask("POST", "/logout", token=given).data == ""
    given = token_of(user, ours)
    assert name_controller(given, "RC1").data, "the same one again, after an exit"
    refused = name_controller(given, "RC6")
    assert refused.refused
    assert "5 new controllers today" in refused.message
    assert not MqttCredential.objects.unscoped().filter(gateway_sn="RC6").exists()
    assert name_controller(given, make_controller(ours, "RC7")).data, "what the organization has is not new"
    assert name_controller(colleague, "RC6").data
    clock.forward(hours=25)
    assert name_controller(token_of(user, ours), "RC8").data


def test_a_colleague_takes_it_over(ours: Workspace) -> None:
    first, second = token(ours, Role.PILOT), token(ours, Role.PILOT)
    old = name_controller(first).data
    report()
    assert bind(first).data == ""
    new = name_controller(second).data
    assert roles_of_login(old["mqtt_username"], old["mqtt_password"], RC) == []
    assert roles_of_login(new["mqtt_username"], new["mqtt_password"], RC)
    [entry] = AuditEntry.objects.filter(action="controller.taken_over")
    assert (entry.target, entry.workspace, entry.gateway_sn) == (RC, ours, RC)
    # Leaving does not take away what belongs to the colleague now.
    assert ask("POST", "/logout", token=first).data == ""
    assert roles_of_login(new["mqtt_username"], new["mqtt_password"], RC)


def test_an_issued_account_of_a_controller_is_taken_over(ours: Workspace, theirs: Workspace) -> None:
    make_controller(ours, RC, bound=False)
    assert name_controller(token(theirs, Role.PILOT)).code == 210232
    assert name_controller(token(ours, Role.PILOT)).data
    assert MqttCredential.objects.unscoped().get(gateway_sn=RC).pilot is not None


@pytest.mark.parametrize("sn", ["", "a b", "a/b", "+", "#", "a" * 65, "Ünit", 7, None])
def test_odd_serial_numbers(ours: Workspace, sn: Any) -> None:
    answer = ask("POST", "/users/current/mqtt", {"gateway_sn": sn}, token=token(ours, Role.PILOT))
    assert answer.refused == (sn != 7), "a number is read as text"
