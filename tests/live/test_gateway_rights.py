"""A gateway's rights at real brokers, as they follow binding, topology, moves and releases."""

import json
import time
import uuid
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloudapi.platform import servers
from tests.gateway_rule import rule
from tests.live.plain_client import Connect, Device
from tests.live.tenants import Tenant, new_sn, server_account, shell
from tests.platform import HOST, Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live
#: From the answer to a topology to the right to publish for a new sub-device.
RIGHTS_WITHIN = 2.0
BEFORE, BOUND, WITH_AIRCRAFT = 2, 3, 4


@pytest.fixture(scope="module", params=["platform", "platform_on_amqtt"], ids=["mosquitto", "amqtt"])
def tenant(request: pytest.FixtureRequest) -> Tenant:
    return Tenant(request.getfixturevalue(request.param), "Rights", docks=14)


@pytest.fixture
def server(tenant: Tenant, connect: Connect) -> Device:
    """The server's own account, which hears everything."""
    account = server_account(tenant.platform, "test")
    login = account["mqtt_username"], account["mqtt_password"]
    heard = connect(tenant.platform.mqtt_port, *login, client_id=new_sn("S"))
    assert all(heard.subscribe("thing/product/#", "sys/product/#"))
    return heard


class Dock:
    def __init__(self, tenant: Tenant, connect: Connect, server: Device) -> None:
        self.tenant, self.server = tenant, server
        self.account = tenant.account()
        self.sn: str = self.account["sn"]
        self._connect = connect
        self.connect()

    def connect(self) -> None:
        self.link = self.again()
        assert self.link.subscribe(f"thing/product/{self.sn}/#", f"sys/product/{self.sn}/#") == [True, True]

    def again(self) -> Device:
        """One more connection of the dock."""
        return self._connect(self.tenant.platform.mqtt_port, self.sn, self.account["mqtt_password"])

    def ask(self, topic: str, method: str, data: Any) -> Any:
        tid, now = str(uuid.uuid4()), time.time_ns() // 1_000_000
        ids = {"tid": tid, "bid": tid, "timestamp": now}
        self.link.client.publish(topic, json.dumps({**ids, "method": method, "data": data}), qos=1)

        def answer() -> Any:
            texts = [payload for at, payload, _retain in list(self.link.messages) if at == f"{topic}_reply"]
            return next((json.loads(text)["data"] for text in texts if tid.encode() in text), None)

        wait_until(lambda: answer() is not None, f"the answer to {method} of {self.sn}", 20, every=0.01)
        return answer()

    def bind(self, *aircraft: str) -> None:
        data = self.tenant.bind_data(self.tenant.code(), self.sn, *aircraft)
        answer = self.ask(f"thing/product/{self.sn}/requests", "airport_organization_bind", data)
        assert {entry["err_code"] for entry in answer["output"]["err_infos"]} == {0}

    def report(self, *aircraft: str) -> int:
        named = [{"sn": sn, "domain": "0", "type": 91, "sub_type": 1, "index": "A"} for sn in aircraft]
        data = {"domain": "3", "type": 2, "sub_type": 0, "sub_devices": named}
        return int(self.ask(f"sys/product/{self.sn}/status", "update_topo", data)["result"])

    def gets_through(self, *topics: str, link: Device | None = None) -> set[str]:
        """To which of these topics it can publish. The broker tells the server only."""
        return _arrived((link or self.link).client, self.server, topics, f"sys/product/{self.sn}/status")

    def hears(self, *topics: str) -> set[str]:
        """Which of these it gets when the server publishes them."""
        return _arrived(self.server.client, self.link, topics, f"sys/product/{self.sn}/status_reply")

    def until_through(self, topic: str) -> float:
        """Seconds until it may publish there."""
        began = time.monotonic()
        wait_until(lambda: self.gets_through(topic) == {topic}, f"{self.sn} may publish to {topic}", 10, every=0.01)
        return time.monotonic() - began

    def until_refused(self, topic: str) -> float:
        began = time.monotonic()
        wait_until(lambda: self.gets_through(topic) == set(), f"{self.sn} may not publish to {topic}", 10, every=0.01)
        return time.monotonic() - began


def _arrived(sender: mqtt.Client, receiver: Device, topics: tuple[str, ...], allowed: str) -> set[str]:
    """Which of these the receiver had heard when what was sent after them, to a topic that is allowed, came."""
    mark, last = str(uuid.uuid4()).encode(), str(uuid.uuid4()).encode()
    for topic, payload in (*((topic, mark) for topic in topics), (allowed, last)):
        sender.publish(topic, payload, qos=1).wait_for_publish(10)

    def heard(payload: bytes) -> set[str]:
        return {at for at, heard, _retain in list(receiver.messages) if heard == payload}

    wait_until(lambda: bool(heard(last)), "the last message arrives", every=0.01)
    return heard(mark)


def osd(sn: str) -> str:
    return f"thing/product/{sn}/osd"


def _is_early(topic_filter: str) -> bool:
    """Granted by a broker that checks each delivery; and amqtt knows no shared subscriptions."""
    return topic_filter.endswith(("state_reply", "events_reply")) or topic_filter.startswith("$share")


def try_rule(dock: Dock, aircraft: str, state: int) -> None:
    table = rule(dock.sn, aircraft, "SOMEBODY-ELSE")
    for topic in (f"thing/product/{aircraft}/state_reply", f"thing/product/{aircraft}/events_reply"):
        dock.link.subscribe(topic)
    published = [row for row in table if row[0] == "publish" and not row[1].startswith("$")]
    received = [row for row in table if row[0] == "receive"]
    subscribed = [row for row in table if row[0] == "subscribe" and not _is_early(row[1])]
    assert dock.gets_through(*(row[1] for row in published)) == {row[1] for row in published if row[state]}
    assert dock.hears(*(row[1] for row in received)) == {row[1] for row in received if row[state]}
    assert dock.link.subscribe(*(row[1] for row in subscribed)) == [row[state] for row in subscribed]
    assert dock.link.is_connected


def test_the_whole_rule(tenant: Tenant, connect: Connect, server: Device) -> None:
    dock, aircraft = Dock(tenant, connect, server), new_sn("AIR")
    assert dock.report(aircraft) == 0
    try_rule(dock, aircraft, BEFORE)
    dock.bind()
    took = dock.until_through(osd(aircraft))
    print(f"\nbound: rights after {took:.2f} s")  # noqa: T201
    assert took < RIGHTS_WITHIN
    try_rule(dock, aircraft, WITH_AIRCRAFT)
    assert dock.report() == 0
    assert dock.until_refused(osd(aircraft)) < RIGHTS_WITHIN
    try_rule(dock, aircraft, BOUND)


def test_the_aircraft_takes_the_right_along(tenant: Tenant, connect: Connect, server: Device) -> None:
    first, second, aircraft = Dock(tenant, connect, server), Dock(tenant, connect, server), new_sn("AIR")
    for dock in (first, second):
        dock.bind()
        dock.until_through(osd(dock.sn))
    assert first.report(aircraft) == 0
    took = first.until_through(osd(aircraft))
    assert second.gets_through(osd(aircraft)) == set()
    assert second.report(aircraft) == 0
    moved = second.until_through(osd(aircraft))
    print(f"\nnew sub-device: {took:.2f} s, moved: {moved:.2f} s")  # noqa: T201
    assert max(took, moved) < RIGHTS_WITHIN
    assert first.until_refused(osd(aircraft)) < RIGHTS_WITHIN


def test_going_away_takes_no_right(tenant: Tenant, connect: Connect, server: Device) -> None:
    dock, aircraft = Dock(tenant, connect, server), new_sn("AIR")
    dock.bind()
    dock.report(aircraft)
    dock.until_through(osd(aircraft))
    dock.link.close()
    shell(
        tenant.platform,
        f"""
from devices.models import Device
from django.db.models import Q
Device.objects.unscoped().filter(Q(sn="{dock.sn}") | Q(sn="{aircraft}")).update(online=False, offline_reason="silent")
print(1)
""",
    )
    dock.link = dock.again()
    assert dock.gets_through(osd(aircraft)) == {osd(aircraft)}


def test_release_takes_the_rights(tenant: Tenant, connect: Connect, server: Device) -> None:
    dock, aircraft = Dock(tenant, connect, server), new_sn("AIR")
    dock.bind()
    dock.report(aircraft)
    dock.until_through(osd(aircraft))
    shell(
        tenant.platform,
        f"""
from devices import ownership
from devices.models import Device
ownership.release(device=Device.objects.unscoped().get(sn="{dock.sn}"))
print(1)
""",
    )
    assert dock.until_refused(osd(dock.sn)) < RIGHTS_WITHIN
    try_rule(dock, aircraft, BEFORE)


def test_a_foreign_aircraft_gives_no_right(tenant: Tenant, connect: Connect, server: Device) -> None:
    owner = Tenant(tenant.platform, "Owner", docks=1)
    theirs, ours, aircraft = Dock(owner, connect, server), Dock(tenant, connect, server), new_sn("AIR")
    theirs.bind(aircraft)
    ours.bind()
    theirs.report(aircraft)
    theirs.until_through(osd(aircraft))
    ours.until_through(osd(ours.sn))
    assert ours.report(aircraft) != 0
    time.sleep(RIGHTS_WITHIN / 2)  # for what must not happen
    assert ours.gets_through(osd(aircraft)) == set()
    assert theirs.gets_through(osd(aircraft)) == {osd(aircraft)}


def test_a_removed_account_ends_at_once(tenant: Tenant, connect: Connect, server: Device) -> None:
    dock = Dock(tenant, connect, server)
    shell(
        tenant.platform,
        f"""
from mqtt_bridge import broker_access, credentials
from mqtt_bridge.models import MqttCredential
credentials.remove(credential=MqttCredential.objects.unscoped().get(gateway_sn="{dock.sn}"))
broker_access.remove(["{dock.sn}"])
print(1)
""",
    )
    wait_until(lambda: not dock.link.is_connected, "the session ends", 5)
    assert dock.again().connections == ["Not authorized"]


def test_wills_reach_own_topics_only(tenant: Tenant, connect: Connect, server: Device) -> None:
    dock = Dock(tenant, connect, server)
    for topic, arrives in ((osd("SOMEBODY-ELSE"), False), (f"sys/product/{dock.sn}/status", True)):
        with_will = mqtt_with_will(dock, topic)
        before = len(server.messages)
        with_will.close()
        dock.connect()
        dock.gets_through()
        if arrives:
            wait_until(lambda: any(payload == b"will" for _at, payload, _retain in server.messages), "the will arrives")
        else:
            time.sleep(0.5)  # for what must not arrive
            assert [at for at, payload, _retain in server.messages[before:] if payload == b"will"] == []


def mqtt_with_will(dock: Dock, topic: str) -> Any:
    """A connection of the dock's account that breaks and leaves a will. It displaces the dock's own."""
    import socket

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=dock.sn, reconnect_on_failure=False)
    client.username_pw_set(dock.sn, dock.account["mqtt_password"])
    client.will_set(topic, b"will", qos=1)
    client.connect(HOST, dock.tenant.platform.mqtt_port)
    client.loop_start()
    wait_until(client.is_connected, "it connects")
    raw = client.socket()
    assert isinstance(raw, socket.socket)

    class Breaking:
        def close(self) -> None:
            client._sock_close()
            client.loop_stop()

    return Breaking()


def test_strangers_displace_nobody(tenant: Tenant, connect: Connect, server: Device) -> None:
    dock = Dock(tenant, connect, server)
    stranger = connect(tenant.platform.mqtt_port, "nobody", "wrong", client_id=dock.sn)
    assert stranger.connections == ["Not authorized"]
    assert dock.gets_through() == set()
    assert dock.link.is_connected


# --- the size of it ---------------------------------------------------------------------------------------------------
def test_a_storm_that_changes_nothing_pushes_nothing(platform: Platform, connect: Connect) -> None:
    """Mosquitto writes its accounts anew after each change of one."""
    accounts = platform.data_dir / "mosquitto" / servers.DYNSEC_FILE
    tenant = Tenant(platform, "Storm", docks=3)
    account = server_account(platform, "test")
    server = connect(platform.mqtt_port, account["mqtt_username"], account["mqtt_password"], client_id=new_sn("S"))
    server.subscribe("thing/product/#", "sys/product/#")
    docks = [Dock(tenant, connect, server) for _ in range(3)]
    aircraft = [new_sn("AIR") for _ in docks]
    for dock, sn in zip(docks, aircraft, strict=True):
        dock.bind()
        dock.report(sn)
        dock.until_through(osd(sn))
    before = accounts.stat().st_mtime_ns
    for _ in range(20):
        for dock, sn in zip(docks, aircraft, strict=True):
            assert dock.report(sn) == 0
    time.sleep(1.0)
    assert accounts.stat().st_mtime_ns == before
    docks[0].report()
    wait_until(lambda: accounts.stat().st_mtime_ns > before, "a change is pushed")
