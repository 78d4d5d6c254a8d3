"""The topic rules and the file that Mosquitto starts with."""

import base64
import hashlib
import json
import stat
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from mqtt_bridge import broker_access, credentials
from mqtt_bridge.broker_access import dynsec_file
from mqtt_bridge.broker_access.access import accesses
from mqtt_bridge.broker_access.roles import SERVER, Right, allows, covers, gateway_role
from mqtt_bridge.models import MqttCredential
from workspaces import services
from workspaces.models import Workspace

GATEWAY = "7CTDM3D00B2X4P"


@pytest.fixture
def workspace(db: None) -> Workspace:
    return services.create_organization(name="Alpine Rescue")


@pytest.fixture
def credential(workspace: Workspace) -> MqttCredential:
    [issued] = credentials.issue(sns=[GATEWAY], workspace=workspace, model_key="3-2-0")
    return issued


@pytest.mark.parametrize(
    ("topic_filter", "other", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/b", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("a/+/c", "a/x/c", True),
        ("a/+/c", "a/+/c", True),
        ("a/x/c", "a/+/c", False),
        ("a/+", "a/#", False),
        ("a/#", "a", True),
        ("a/#", "a/+/c", True),
        ("a/#", "a/#", True),
        ("a/b/#", "a/#", False),
        ("a/#", "#", False),
        ("#", "#", True),
        ("#", "$SYS/broker", False),
        ("+/broker", "$SYS/broker", False),
        ("$SYS/#", "$SYS/broker/log/#", True),
        ("a/#", "$share/group/a/b", False),
    ],
)
def test_a_filter_covers_what_it_matches(topic_filter: str, other: str, expected: bool) -> None:
    assert covers(topic_filter, other) is expected


@pytest.mark.parametrize("right", ["publish", "receive", "subscribe"])
def test_the_server_may_do_everything(right: Right) -> None:
    for topic in (f"thing/product/{GATEWAY}/services", "$SYS/broker/log/N", "$CONTROL/dynamic-security/v1/response"):
        assert allows([SERVER], right, topic)


def test_the_file_holds_accounts_with_hashes_that_mosquitto_can_check(
    credential: MqttCredential, settings: Settings
) -> None:
    rendered = dynsec_file.render(accesses([credential]))
    server, gateway = rendered["clients"]
    assert server["username"] == settings.MQTT_USERNAME
    assert gateway["username"] == GATEWAY
    assert [role["rolename"] for role in gateway["roles"]] == [f"gateway:{GATEWAY}"]
    assert {role["rolename"] for role in rendered["roles"]} == {"server", f"gateway:{GATEWAY}"}
    for account, password in ((server, settings.MQTT_PASSWORD), (gateway, credential.password)):
        salt = base64.b64decode(account["salt"])
        digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, account["iterations"])
        assert base64.b64decode(account["password"]) == digest
    assert credential.password not in json.dumps(rendered)
    assert rendered["defaultACLAccess"]["publishClientReceive"] is False


def test_acls_spell_out_the_role() -> None:
    acls = dynsec_file.acls(gateway_role(GATEWAY, username=GATEWAY, bound=True))
    assert {"acltype": "subscribePattern", "topic": f"thing/product/{GATEWAY}/#", "priority": 0, "allow": True} in acls
    assert all(acl["allow"] for acl in acls)
    assert {acl["topic"] for acl in acls if GATEWAY not in acl["topic"]} == {
        "thing/product/+/state_reply",
        "thing/product/+/events_reply",
    }


def test_the_file_is_private_and_replaced_at_once(credential: MqttCredential, tmp_path: Path) -> None:
    path = tmp_path / "dynamic-security.json"
    path.write_text("old")
    path.chmod(0o644)
    call_command("broker_accounts", write=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(json.loads(path.read_text())["clients"]) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_without_an_account_of_the_server_nothing_is_written(db: None, settings: Settings, tmp_path: Path) -> None:
    settings.MQTT_PASSWORD = ""
    with pytest.raises(CommandError, match="MQTT_PASSWORD"):
        call_command("broker_accounts", write=tmp_path / "file.json")
    assert list(tmp_path.iterdir()) == []


def test_a_broker_that_is_not_running_is_said(credential: MqttCredential) -> None:
    with pytest.raises(broker_access.BrokerUnreachable, match="does not answer"):
        broker_access.put([credential])
    with pytest.raises(CommandError, match="does not answer"):
        call_command("broker_accounts", reconcile=True)


def test_amqtt_needs_nothing_pushed(credential: MqttCredential, settings: Settings) -> None:
    settings.MQTT_BROKER = "amqtt"
    broker_access.put([credential])
    broker_access.remove([credential.username])
    assert broker_access.reconcile() == ([], [], [])


def test_an_unknown_kind_of_broker_is_said(credential: MqttCredential, settings: Settings) -> None:
    settings.MQTT_BROKER = "hivemq"
    with pytest.raises(broker_access.BrokerAccessError, match="hivemq"):
        broker_access.put([credential])
