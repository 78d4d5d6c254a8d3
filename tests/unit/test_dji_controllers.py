"""Pilots' controllers: whose account, whose device, how many. Nothing is pushed to a broker here."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from mqtt_bridge import account_endings, controllers
from mqtt_bridge.broker_access.access import accesses
from mqtt_bridge.broker_access.amqtt_plugin import roles_of_login
from mqtt_bridge.broker_access.dynsec_file import account
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from tests.factories import Clock, device, make_bound, make_gateway, make_workspace, send
from tests.unit.dji import Answer, ask, make_controller, member, token, token_of
from workspaces import services
from workspaces.models import AuditEntry, Membership, Role, User, Workspace

pytestmark = pytest.mark.django_db
RC, AIR = "RC0001", "AIR0001"


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.MQTT_BROKER = "amqtt"


def name_controller(token: str, sn: str = RC) -> Answer:
    return ask("POST", "/users/current/mqtt", {"gateway_sn": sn}, token=token)


def bind(token: str, sn: str = RC) -> Answer:
    body = {"device_sn": "OTHER", "user_id": "x", "workspace_id": "y", "domain": 2}
    return ask("POST", f"/devices/{sn}/binding", body, token=token)


def report(sn: str = RC, *aircraft: str) -> int:
    subs = [{"sn": each, "domain": "0", "type": 77, "sub_type": 0, "index": "A"} for each in aircraft]
    data = {"domain": "2", "type": 144, "sub_type": 0, "sub_devices": subs}
    return int(send(sn, "update_topo", data, kind="status")["result"])


def snapshot() -> Any:
    """Everything that a refusal must leave alone."""
    return (
        list(MqttCredential.objects.unscoped().values()),
        list(UnpinnedCredential.objects.unscoped().values()),
        [(row.sn, row.workspace_id) for row in type(device(RC)).objects.unscoped()],
    )


def same_login(token: str, workspace: Workspace) -> Any:
    from workspaces import tokens

    row = tokens.check(token)
    assert row is not None
    return row.login_id


# --- the account of a named controller --------------------------------------------------------------------------------
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
    type(device("DOCK1")).objects.unscoped().filter(sn="DOCK1").update(online=True, offline_reason="")
    assert bind(given, "DOCK1").refused
    assert device("DOCK1").workspace is None


def snapshot_of(sn: str) -> Any:
    return MqttCredential.objects.unscoped().filter(gateway_sn=sn).values().get()


def test_an_aircraft_is_no_controller(ours: Workspace) -> None:
    make_bound(ours, "DOCK1", AIR)
    assert name_controller(token(ours, Role.PILOT), AIR).refused


def test_an_issued_account_of_a_controller_is_taken_over(ours: Workspace, theirs: Workspace) -> None:
    make_controller(ours, RC, bound=False)
    assert name_controller(token(theirs, Role.PILOT)).code == 210232
    assert name_controller(token(ours, Role.PILOT)).data
    assert MqttCredential.objects.unscoped().get(gateway_sn=RC).pilot is not None


@pytest.mark.parametrize("sn", ["", "a b", "a/b", "+", "#", "a" * 65, "Ünit", 7, None])
def test_odd_serial_numbers(ours: Workspace, sn: Any) -> None:
    answer = ask("POST", "/users/current/mqtt", {"gateway_sn": sn}, token=token(ours, Role.PILOT))
    assert answer.refused or sn == 7


# --- exit -------------------------------------------------------------------------------------------------------------
def test_an_exit_ends_what_this_log_in_was_given(ours: Workspace) -> None:
    user = member(ours, Role.PILOT)
    here, there = token_of(user, ours), token_of(user, ours)
    name_controller(here)
    other = name_controller(there, "RC0002").data
    waiting = ask("GET", "/users/current", token=token_of(user, ours)).data
    refreshed = ask("POST", "/token/refresh", {}, token=here).data["access_token"]
    assert ask("POST", "/logout", token=refreshed).data == ""
    assert [row.gateway_sn for row in MqttCredential.objects.unscoped()] == ["RC0002"]
    assert ask("GET", "/users/current", token=here).status == 401
    assert ask("GET", "/users/current", token=there).data
    assert roles_of_login(other["mqtt_username"], other["mqtt_password"], "RC0002")
    assert UnpinnedCredential.objects.unscoped().get().username == waiting["mqtt_username"]


def test_an_exit_after_a_new_log_in_over_a_live_link(ours: Workspace) -> None:
    """The page opened again: the link is up, so it binds and asks for no account."""
    user = member(ours, Role.PILOT)
    first = token_of(user, ours)
    name_controller(first)
    report()
    assert bind(first).data == ""
    second = token_of(user, ours)
    assert bind(second).data == ""
    assert ask("POST", "/logout", token=second).data == ""
    assert not MqttCredential.objects.unscoped().exists()


@pytest.mark.parametrize(
    "leave",
    [lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
     lambda user: Membership.objects.filter(user=user).delete(),
     lambda user: Membership.objects.filter(user=user).update(role=Role.VIEWER),
     lambda user: User.objects.filter(pk=user.pk).update(password=make_password("another-long-one"))],
    ids=["deactivated", "removed", "other role", "another password"],
)  # fmt: skip
def test_former_pilots_accounts_end(ours: Workspace, leave: Callable[[User], object]) -> None:
    user = member(ours, Role.PILOT)
    name_controller(token_of(user, ours))
    ask("GET", "/users/current", token=token_of(user, ours))
    kept = {name_controller(token(ours, Role.PILOT), "RC0002").data["mqtt_username"], make_gateway(ours, "DOCK1")}
    account_endings.end_former_pilots()
    assert MqttCredential.objects.unscoped().count() == 3
    leave(user)
    account_endings.end_former_pilots()
    assert {row.username for row in MqttCredential.objects.unscoped()} == kept
    assert not UnpinnedCredential.objects.unscoped().exists()


# --- accounts that name no controller ---------------------------------------------------------------------------------
def unnamed(token: str) -> tuple[str, str]:
    data = ask("GET", "/users/current", token=token).data
    return data["mqtt_username"], data["mqtt_password"]


def test_the_first_client_id_is_the_controller(ours: Workspace) -> None:
    given = token(ours, Role.PILOT)
    username, password = unnamed(given)
    assert unnamed(given) == (username, password)
    assert account(*accesses(UnpinnedCredential.objects.unscoped()))["roles"]
    assert roles_of_login(username, "wrong", RC) == []
    assert not MqttCredential.objects.unscoped().exists()
    assert roles_of_login(username, password, RC)
    [row] = MqttCredential.objects.unscoped()
    assert (row.username, row.password, row.gateway_sn, row.pilot_id is None) == (username, password, RC, False)
    assert not UnpinnedCredential.objects.unscoped().exists()
    assert roles_of_login(username, password, RC)
    assert roles_of_login(username, password, "RC0002") == []
    assert unnamed(given) == (username, password), "the page that is opened again gets the one that works"
    controllers.pin(username=username, client_id="RC0002")
    assert MqttCredential.objects.unscoped().get().gateway_sn == RC
    report()
    assert bind(given).data == ""


@pytest.mark.parametrize("client_id", ["RCB", "DOCK1", "a b", "", "x\0y"])
def test_a_client_id_that_may_not_be_pinned_ends_the_account(
    ours: Workspace, theirs: Workspace, client_id: str
) -> None:
    make_controller(theirs, "RCB")
    make_gateway(ours, "DOCK1")
    before = list(MqttCredential.objects.unscoped().values())
    user = member(ours, Role.PILOT)
    given = token_of(user, ours)
    username, password = unnamed(given)
    assert roles_of_login(username, password, client_id) == []
    assert roles_of_login(username, password, RC) == []
    assert list(MqttCredential.objects.unscoped().values()) == before
    [entry] = AuditEntry.objects.filter(action="controller.refused", user=user)
    assert entry.target == client_id.replace("\0", "")
    # Trying on is possible for a while, and not for ever: each try may displace somebody.
    for _ in range(4):
        assert roles_of_login(*unnamed(given), client_id) == []
    assert unnamed(given) == ("", "")


def test_a_colleague_s_controller_is_taken_over_by_pinning(ours: Workspace) -> None:
    old = name_controller(token(ours, Role.PILOT)).data
    username, password = unnamed(token(ours, Role.PILOT))
    assert roles_of_login(username, password, RC)
    assert roles_of_login(old["mqtt_username"], old["mqtt_password"], RC) == []
    assert AuditEntry.objects.filter(action="controller.taken_over").count() == 1


def test_naming_the_controller_ends_the_account_that_waits(ours: Workspace) -> None:
    given = token(ours, Role.PILOT)
    username, password = unnamed(given)
    data = name_controller(given).data
    assert roles_of_login(username, password, RC) == []
    assert unnamed(given) == (data["mqtt_username"], data["mqtt_password"])


def test_unused_accounts_end_after_days(ours: Workspace) -> None:
    old, new = unnamed(token(ours, Role.PILOT)), unnamed(token(ours, Role.PILOT))
    UnpinnedCredential.objects.filter(username=old[0]).update(created_at=timezone.now() - timedelta(days=4))
    account_endings.prune()
    assert UnpinnedCredential.objects.unscoped().get().username == new[0]


def test_web_clients_get_no_account(ours: Workspace) -> None:
    assert unnamed(token(ours, Role.ADMIN)) == ("", "")
    assert not UnpinnedCredential.objects.unscoped().exists()


def test_when_the_broker_does_not_answer(ours: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MQTT_BROKER = "dynsec"  # nothing listens there
    given = token(ours, Role.PILOT)
    answer = name_controller(given)
    assert answer.refused
    assert "broker does not answer" in answer.message
    assert unnamed(given) == ("", "")
    # What was not told to the broker was not made, and counts for nothing.
    assert not MqttCredential.objects.unscoped().exists()
    assert not AuditEntry.objects.filter(action="controller.new").exists()
    settings.MQTT_BROKER = "amqtt"
    name_controller(given)
    settings.MQTT_BROKER = "dynsec"
    queued: list[Any] = []
    monkeypatch.setattr("mqtt_bridge.tasks.remove_accounts.delay", queued.append)
    assert ask("POST", "/logout", token=given).data == ""
    assert not MqttCredential.objects.unscoped().exists()
    assert len(queued) == 1
    assert make_workspace()
