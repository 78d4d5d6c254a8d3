"""Accounts and topic rules in real brokers: Mosquitto's dynamic security, and amqtt with our plugin."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from cloudapi.platform import BASE_DIR, ports, probes, processes, servers
from devices import ownership
from mqtt_bridge import broker_access, credentials
from mqtt_bridge.broker_access import before_answer, dynsec_file
from mqtt_bridge.broker_access import dynsec as dynsec_adapter
from mqtt_bridge.broker_access.access import Access, accesses, accesses_of
from mqtt_bridge.broker_access.keeper import Keeper
from mqtt_bridge.models import MqttCredential
from tests.commands import CommandFailed
from tests.factories import device, report_topology
from tests.live.plain_client import Connect
from tests.platform import Platform
from tests.processes import Child, wait_until
from workspaces import services
from workspaces.models import Workspace

pytestmark = pytest.mark.live
SERVER, SERVER_PASSWORD = "server", "server-of-the-tests"
OWN, OTHER = "DOCK-1", "DOCK-2"


def try_topic_rules(port: int, password: str, connect: Connect) -> None:
    """A dock that nobody owns may say that it is there and ask to be bound, in every broker; the server hears all. The
    whole rule is tried in test_gateway_rights."""
    server = connect(port, SERVER, SERVER_PASSWORD)
    assert all(server.subscribe("thing/product/+/+", "sys/product/+/status"))
    dock = connect(port, OWN, password)
    assert dock.subscribe(
        f"thing/product/{OWN}/#", f"sys/product/{OWN}/status_reply", f"thing/product/{OTHER}/services",
        "thing/product/+/services", "#", "$SYS/#",
    ) == [True, True, False, False, False, False]  # fmt: skip
    allowed = [f"sys/product/{OWN}/status", f"thing/product/{OWN}/requests"]
    dock.publish(
        f"thing/product/{OTHER}/requests", f"sys/product/{OTHER}/status", "elsewhere", f"thing/product/{OWN}/osd",
        "thing/product/AIRCRAFT/osd", *allowed,
    )  # fmt: skip
    wait_until(lambda: len(server.messages) == len(allowed), "the server hears the dock")
    assert [topic for topic, _payload, _retain in server.messages] == allowed
    server.publish(
        f"thing/product/{OTHER}/services", f"thing/product/{OWN}/services", f"thing/product/{OWN}/requests_reply"
    )
    wait_until(lambda: bool(dock.messages), "the dock hears the server")
    assert {topic for topic, _payload, _retain in dock.messages} == {f"thing/product/{OWN}/requests_reply"}


# --- Mosquitto --------------------------------------------------------------------------------------------------------
@pytest.fixture
def workspace(db: None) -> Workspace:
    return services.create_organization(name="Alpine Rescue")


def issue(workspace: Workspace, *sns: str) -> list[MqttCredential]:
    return credentials.issue(sns=sns, workspace=workspace, model_key="3-2-0")


@pytest.fixture
def dynsec(mosquitto: servers.Mosquitto, workspace: Workspace, tmp_path: Path, settings: Settings) -> Iterator[int]:
    """The port of a Mosquitto that was started with the accounts of OWN and OTHER."""
    settings.MQTT_BROKER, settings.MQTT_PORT = "dynsec", ports.free()
    settings.MQTT_USERNAME, settings.MQTT_PASSWORD = SERVER, SERVER_PASSWORD
    issue(workspace, OWN, OTHER)
    part = servers.mosquitto(mosquitto, f"{settings.MQTT_PORT} 127.0.0.1", tmp_path / "mosquitto")
    dynsec_file.write(tmp_path / "mosquitto" / servers.DYNSEC_FILE)
    child = Child(part.argv, tmp_path / "mosquitto.log", env=dict(os.environ))
    child.start()
    try:
        wait_until(lambda: probes.broker("127.0.0.1", settings.MQTT_PORT, SERVER, SERVER_PASSWORD), "Mosquitto answers")
        yield settings.MQTT_PORT
    finally:
        child.stop()


def test_mosquitto_enforces_the_rendered_file(dynsec: int, workspace: Workspace, connect: Connect) -> None:
    own = MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN)
    assert connect(dynsec, OWN, "wrong").connections == ["Not authorized"]
    assert connect(dynsec, None).connections == ["Not authorized"]
    try_topic_rules(dynsec, own.password, connect)


def test_a_new_account_works_at_once_and_disturbs_nobody(dynsec: int, workspace: Workspace, connect: Connect) -> None:
    own = connect(dynsec, OWN, MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN).password)
    made = issue(workspace, *(f"DOCK-{number}" for number in range(3, 153)))
    broker_access.put(made)
    assert connect(dynsec, made[-1].username, made[-1].password).connections == ["Success"]
    assert own.is_connected


def test_a_new_password_ends_the_session_with_the_old_one(dynsec: int, workspace: Workspace, connect: Connect) -> None:
    credential = MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN)
    old_password = credential.password
    device = connect(dynsec, OWN, old_password)
    credentials.rotate(credential=credential)
    broker_access.put([credential])
    wait_until(lambda: not device.is_connected, "the old session ends")
    assert connect(dynsec, OWN, old_password).connections == ["Not authorized"]
    assert connect(dynsec, OWN, credential.password).connections == ["Success"]


def test_a_removed_account_is_out(dynsec: int, workspace: Workspace, connect: Connect) -> None:
    credential = MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN)
    device = connect(dynsec, OWN, credential.password)
    broker_access.remove([OWN, "NEVER-KNOWN"])
    wait_until(lambda: not device.is_connected, "the session ends")
    assert connect(dynsec, OWN, credential.password).connections == ["Not authorized"]


def test_giving_rights_brings_no_account_back(dynsec: int, workspace: Workspace, connect: Connect) -> None:
    """A task looks up what a gateway may do, its account is removed, and then the task tells the broker."""
    credential = MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN)
    looked_up = accesses([credential])
    credentials.remove(credential=credential)
    broker_access.remove([OWN])
    assert dynsec_adapter.put_roles(looked_up) == [OWN]
    assert connect(dynsec, OWN, credential.password).connections == ["Not authorized"]


def test_an_account_that_was_put_after_its_end_ends_again(
    dynsec: int, workspace: Workspace, connect: Connect, valkey: str
) -> None:
    """Of two administrators, one removes an account and the other has just given it a new password."""
    keeper = Keeper(threading.Event())
    keeper.step(set(), set())
    credential = MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN)
    rotated = MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN)
    credentials.rotate(credential=rotated)
    credentials.remove(credential=credential)
    broker_access.remove([OWN])
    broker_access.put([rotated])
    back = connect(dynsec, OWN, rotated.password)
    assert back.connections == ["Success"]
    keeper.step(set(), {OWN})
    wait_until(lambda: not back.is_connected, "the session ends")
    assert connect(dynsec, OWN, rotated.password).connections == ["Not authorized"]


def test_an_account_that_the_broker_never_got_is_made_with_its_rights(
    dynsec: int, workspace: Workspace, connect: Connect, valkey: str
) -> None:
    """Whoever has made the account was killed before the broker heard of it."""
    keeper = Keeper(threading.Event())
    keeper.step(set(), set())
    own = connect(dynsec, OWN, MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN).password)
    [new] = issue(workspace, "DOCK-3")
    keeper.step({"DOCK-3"}, set())
    assert connect(dynsec, "DOCK-3", new.password).connections == ["Success"]
    assert own.is_connected


def test_an_account_that_ends_while_it_is_made_is_not_there(
    dynsec: int, workspace: Workspace, connect: Connect, valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(threading.Event())
    keeper.step(set(), set())
    [new] = issue(workspace, "DOCK-3")
    put = dynsec_adapter.put

    def removed_meanwhile(made: list[Access]) -> None:
        credentials.remove(credential=MqttCredential.objects.in_workspace(workspace).get(gateway_sn="DOCK-3"))
        broker_access.remove(["DOCK-3"])
        put(made)

    monkeypatch.setattr(dynsec_adapter, "put", removed_meanwhile)
    keeper.step({"DOCK-3"}, set())
    assert connect(dynsec, "DOCK-3", new.password).connections == ["Not authorized"]


def test_rights_hold_before_the_answer_also_for_an_account_made_anew(
    dynsec: int, workspace: Workspace, valkey: str
) -> None:
    """What the broker was told of an account that had the same name says nothing about this one."""
    ownership.claim(sns=[OWN], workspace=workspace)
    before_answer.settle(OWN)
    [bound] = accesses(MqttCredential.objects.in_workspace(workspace).filter(gateway_sn=OWN))
    assert dynsec_adapter.current([bound]) == [bound]
    credentials.remove(credential=MqttCredential.objects.in_workspace(workspace).get(gateway_sn=OWN))
    ownership.release(device=device(OWN))
    broker_access.remove([OWN])
    broker_access.put(issue(workspace, OWN))
    ownership.claim(sns=[OWN], workspace=workspace)
    before_answer.settle(OWN)
    [now] = accesses(MqttCredential.objects.in_workspace(workspace).filter(gateway_sn=OWN))
    assert dynsec_adapter.current([now]) == [now]


def test_reconcile_mends_what_differs(dynsec: int, workspace: Workspace, connect: Connect) -> None:
    assert broker_access.reconcile() == ([], [], [])
    own, other = MqttCredential.objects.in_workspace(workspace).order_by("gateway_sn")
    kept = connect(dynsec, SERVER, SERVER_PASSWORD)
    credentials.rotate(credential=own)
    credentials.remove(credential=other)
    [new] = issue(workspace, "DOCK-3")
    assert broker_access.reconcile() == (["DOCK-3"], [OWN], [OTHER])
    assert broker_access.reconcile() == ([], [], [])
    assert connect(dynsec, OWN, own.password).connections == ["Success"]
    assert connect(dynsec, "DOCK-3", new.password).connections == ["Success"]
    assert kept.is_connected


def test_rights_that_strayed_while_nobody_kept_them_come_in_turn(
    dynsec: int, workspace: Workspace, valkey: str
) -> None:
    """Not all at once when the worker starts: Mosquitto would stand still for seconds."""
    ownership.claim(sns=[OWN], workspace=workspace)
    report_topology(OWN, "PLANE")
    [wanted] = accesses_of([OWN])
    keeper = Keeper(threading.Event())
    keeper.reconcile()
    assert dynsec_adapter.current([wanted]) == []
    keeper.step(set(), set())
    assert dynsec_adapter.current([wanted]) == [wanted]
    report_topology(OWN)
    anew = Keeper(threading.Event())
    anew.reconcile()
    assert anew._told[OWN] == wanted, "that it only lost its aircraft is known, so this may wait"
    anew.step(set(), set())
    assert dynsec_adapter.current(accesses_of([OWN])) == accesses_of([OWN])


def test_a_refused_account_of_the_server_is_said(dynsec: int, workspace: Workspace, settings: Settings) -> None:
    settings.MQTT_PASSWORD = "wrong"
    with pytest.raises(broker_access.BrokerAccessError, match="Not authorized") as refusal:
        broker_access.put(issue(workspace, "DOCK-3"))
    assert not isinstance(refusal.value, broker_access.BrokerUnreachable)


# --- amqtt ------------------------------------------------------------------------------------------------------------
class Amqtt:
    """`manage.py amqtt_broker` with a database of its own."""

    def __init__(self, directory: Path) -> None:
        self.port = ports.free()
        self.env = {
            **os.environ, "DATA_DIR": str(directory), "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3",
            "MQTT_BROKER": "amqtt", "MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(self.port), "MQTT_USERNAME": SERVER,
            "MQTT_PASSWORD": SERVER_PASSWORD,
        }  # fmt: skip
        self.manage("migrate", "--no-input", "-v", "0")
        made = json.loads(self.manage("create_organization", "Alpine Rescue", "--json"))
        self.workspace_id = made["workspace_id"]
        self.child = Child(processes.manage("amqtt_broker"), directory / "amqtt.log", env=self.env)

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            processes.manage(*arguments), env=self.env, cwd=BASE_DIR, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, sn: str) -> str:
        """The password of a new account."""
        made = self.manage("add_gateway", sn, "--model", "3-2-0", "--workspace", self.workspace_id, "--json")
        password: str = json.loads(made)["gateways"][0]["mqtt_password"]
        return password


@pytest.fixture(scope="module")
def amqtt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amqtt]:
    broker = Amqtt(tmp_path_factory.mktemp("amqtt"))
    broker.child.start()
    try:
        wait_until(lambda: probes.broker("127.0.0.1", broker.port, SERVER, SERVER_PASSWORD), "amqtt answers")
        yield broker
    finally:
        exit_code = broker.child.stop()
    assert exit_code == 0, broker.child.tail()


def test_amqtt_enforces_the_same_rules(amqtt: Amqtt, connect: Connect) -> None:
    password = amqtt.add(OWN)
    assert connect(amqtt.port, OWN, "wrong", client_id="a").connections == ["Not authorized"]
    assert connect(amqtt.port, None, client_id="b").connections == ["Not authorized"]
    assert connect(amqtt.port, SERVER, "wrong", client_id="c").connections == ["Not authorized"]
    try_topic_rules(amqtt.port, password, connect)


def test_amqtt_loses_nothing_for_a_persistent_session(amqtt: Amqtt, connect: Connect) -> None:
    dock = connect(amqtt.port, "DOCK-3", amqtt.add("DOCK-3"))
    worker = connect(amqtt.port, SERVER, SERVER_PASSWORD, client_id="worker", clean_session=False)
    worker.subscribe("thing/product/+/requests")
    worker.close()
    topic = "thing/product/DOCK-3/requests"
    payloads = {str(number).encode() for number in range(20)}
    for payload in payloads:
        dock.client.publish(topic, payload, qos=1).wait_for_publish(10)
    again = connect(amqtt.port, SERVER, SERVER_PASSWORD, client_id="worker", clean_session=False)
    assert again.session_present
    expected = {(topic, payload, False) for payload in payloads}
    wait_until(lambda: set(again.messages) >= expected, "what arrived meanwhile is delivered")
    assert set(again.messages) == expected


# --- the whole platform -----------------------------------------------------------------------------------------------
def test_add_gateway_on_a_running_platform(platform: Platform, connect: Connect) -> None:
    made = platform.manage("create_organization", "Accounts on PostgreSQL", "--with-users")
    arguments = ("--model", "3-2-0", "--workspace", made["workspace_id"])
    first, second = platform.manage("add_gateway", "PG-1", "PG-2", *arguments)["gateways"]
    for gateway in (first, second):
        device = connect(gateway["mqtt_port"], gateway["mqtt_username"], gateway["mqtt_password"])
        assert device.connections == ["Success"]
    renewed = platform.manage("add_gateway", "PG-1", *arguments)["gateways"][0]
    assert connect(first["mqtt_port"], "PG-1", first["mqtt_password"]).connections == ["Not authorized"]
    assert connect(first["mqtt_port"], "PG-1", renewed["mqtt_password"]).connections == ["Success"]
    assert platform.manage("device", "PG-1")["bound"] is False
    code = platform.manage("issue_bind_code", "--workspace", made["workspace_id"], "--hours", "0.01")["bind_code"]
    assert platform.manage("revoke_bind_code", code)["revoked_at"]
    for refused in (
        ("device", "NOPE"),
        ("revoke_bind_code", "NOPE"),
        ("create_organization", "Accounts on PostgreSQL"),
    ):
        with pytest.raises(CommandFailed, match="CommandError: "):
            platform.manage(*refused)
    assert "Created 0, changed 0, removed 0" in platform.run("broker_accounts", "--reconcile")
