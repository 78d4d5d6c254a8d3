"""Accounts of pages that name no controller: the first client id is the controller."""

import pytest

from mqtt_bridge import controllers
from mqtt_bridge.broker_access.access import accesses
from mqtt_bridge.broker_access.amqtt_plugin import roles_of_login
from mqtt_bridge.broker_access.dynsec_file import account
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from tests.factories import make_gateway
from tests.unit.controllers.steps import RC, bind, name_controller, report, unnamed
from tests.unit.dji import make_controller, member, token, token_of
from workspaces.models import AuditEntry, Role, Workspace

pytestmark = pytest.mark.django_db


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
    assert AuditEntry.objects.get(action="mqtt_credential.issued").target == username
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


def test_web_clients_get_no_account(ours: Workspace) -> None:
    assert unnamed(token(ours, Role.ADMIN)) == ("", "")
    assert not UnpinnedCredential.objects.unscoped().exists()
