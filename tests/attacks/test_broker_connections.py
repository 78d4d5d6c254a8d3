"""Connections: wills, retained messages, client ids, packets and sockets, at both brokers."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.attacks.brokers import Site
from tests.attacks.mqtt_probe import Account, Probe, marker, open_sockets
from tests.attacks.table import Attack
from tests.processes import wait_until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Probe]:
    with Probe(site.port, site.server, client_id="cloudapi-attacks") as connected:
        assert connected.subscribe("#") == [True]
        yield connected


def own_topic(account: Account) -> str:
    return f"sys/product/{account.sn}/status"


def downlink(account: Account) -> str:
    return f"thing/product/{account.sn}/services"


# --- who may connect --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["anonymously", "wrong password", "another's password", "server's name"])
def test_connect(site: Site, how: str, attack: Attack) -> None:
    accounts = {
        "anonymously": None,
        "wrong password": site.victim._replace(password="wrong"),
        "another's password": site.victim._replace(password=site.attacker.password),
        "server's name": site.server._replace(password=site.attacker.password),
    }
    with Probe(site.port, accounts[how]) as intruder:
        assert not intruder.is_connected
        attack.stopped(f"refused: {intruder.answer or 'connection closed'}")
    with Probe(site.port, site.victim) as right:
        attack.control(right.is_connected, "the right password connects")


# --- wills and retained messages --------------------------------------------------------------------------------------
@pytest.mark.parametrize("retain", [False, True], ids=["", "retained"])
@pytest.mark.parametrize("place", ["downlink", "status"])
def test_will_on_a_foreign_topic(site: Site, server: Probe, place: str, retain: bool, attack: Attack) -> None:
    topic = downlink(site.victim) if place == "downlink" else own_topic(site.victim)
    for will in ((topic, marker()), (own_topic(site.attacker), marker())):
        with Probe(site.port, site.attacker, will=will, will_retain=retain and will[0] == topic) as attacker:
            attacker.drop()
            wait_until(lambda attacker=attacker: not attacker.is_connected, "the connection ends")  # type: ignore[misc]
        if will[0] != topic:
            attack.control(server.wait_for(will[1]), "a will on the own topic is published")
        else:
            foreign = will[1]
    assert server.heard(foreign) == []
    with Probe(site.port, site.server, client_id="cloudapi-later") as later:
        later.subscribe(topic)
        fence = marker()
        server.publish(topic, fence)
        later.wait_for(fence)
        assert later.heard(foreign) == []
    attack.stopped("the broker does not publish it")


@pytest.mark.parametrize("place", ["downlink", "osd", "status"])
def test_retained_message_on_a_foreign_topic(site: Site, server: Probe, place: str, attack: Attack) -> None:
    """What is planted would wait for the victim's next connection."""
    topics = {"downlink": downlink(site.victim), "status": own_topic(site.victim)}
    topic = topics.get(place, f"thing/product/{site.victim.sn}/osd")
    for publisher in ("attacker", "server"):
        planted, fence = marker(), marker()
        account = site.attacker if publisher == "attacker" else site.server
        with Probe(site.port, account, client_id="" if publisher == "attacker" else "cloudapi-planter") as connected:
            connected.publish(topic, planted, retain=True)
            connected.publish(own_topic(site.attacker), fence)
            server.wait_for(fence)
        with Probe(site.port, site.server, client_id="cloudapi-later") as later:
            later.subscribe(topic)
            if publisher == "server":
                attack.control(later.wait_for(planted), "a retained message of the server waits for a subscriber")
                server.publish(topic, b"", retain=True)
                continue
            fence = marker()
            server.publish(topic, fence)
            later.wait_for(fence)
            assert later.heard(planted) == []
    attack.stopped("not kept")


def test_deletion_of_a_retained_message(site: Site, server: Probe, attack: Attack) -> None:
    topic, kept = downlink(site.victim), marker()
    server.publish(topic, kept, retain=True)
    with Probe(site.port, site.attacker) as attacker:
        attacker.publish(topic, b"", retain=True)
    assert waits_for_subscribers(site, server, topic, kept)
    server.publish(topic, b"", retain=True)
    attack.control(not waits_for_subscribers(site, server, topic, kept), "the same by the server deletes it")
    attack.stopped("the message is kept")


def waits_for_subscribers(site: Site, server: Probe, topic: str, payload: bytes) -> bool:
    """Whether who subscribes now gets it; what the broker keeps it sends before anything new."""
    fence = marker()
    with Probe(site.port, site.server, client_id="cloudapi-later") as later:
        later.subscribe(topic)
        server.publish(topic, fence)
        later.wait_for(fence)
        return bool(later.heard(payload))


# --- client ids -------------------------------------------------------------------------------------------------------
def test_session_of_another_by_its_client_id(site: Site, server: Probe, attack: Attack) -> None:
    """The attacker takes the session of a dock that is away, with its subscriptions and what waits in it."""
    topic = downlink(site.victim)
    with Probe(site.port, site.victim, clean=False) as victim:
        assert victim.subscribe(topic) == [True]
    waiting, meanwhile = marker(), marker()
    server.publish(topic, waiting)
    with Probe(site.port, site.attacker, client_id=site.victim.sn, clean=False) as attacker:
        server.publish(topic, meanwhile)
        server.wait_for(meanwhile)
        if attacker.is_connected and attacker.subscribe(downlink(site.attacker)) == [True]:
            fence = marker()
            server.publish(downlink(site.attacker), fence)
            wait_until(lambda: bool(attacker.heard(fence)) or not attacker.is_connected, "what follows arrives")
        assert attacker.heard(waiting) + attacker.heard(meanwhile) == []
        outcome = attacker.answer if not attacker.is_connected else "connected, and nothing delivered"
    with Probe(site.port, site.victim, clean=False) as victim:
        victim.subscribe(topic)
        later = marker()
        server.publish(topic, later)
        attack.control(victim.wait_for(later), "the victim hears its own topic when it is back")
    with Probe(site.port, site.victim):  # ends the persistent session
        pass
    attack.stopped(outcome)


def test_end_a_live_session_by_its_client_id(site: Site, server: Probe, attack: Attack) -> None:
    topic, said = downlink(site.victim), marker()
    with Probe(site.port, site.victim) as victim:
        assert victim.subscribe(topic) == [True]
        with Probe(site.port, site.attacker, client_id=site.victim.sn) as attacker:
            outcome = attacker.answer if not attacker.is_connected else "connected, and no rights"
        assert victim.lost == 0
        server.publish(topic, said)
        attack.control(victim.wait_for(said), "the victim's session goes on")
    if site.kind == "Mosquitto":  # amqtt keeps the sessions of one account apart, too
        with Probe(site.port, site.victim) as older, Probe(site.port, site.victim):
            wait_until(lambda: older.lost > 0, "the older of two sessions with the same client id ends")
    attack.stopped(outcome)


@pytest.mark.parametrize("prefix", ["cloudapi-worker", "cloudapi-server", "cloudapi-publisher"])
def test_client_id_of_the_server(site: Site, server: Probe, prefix: str, attack: Attack) -> None:
    """The worker's sessions have names that nobody else can guess, so nobody can end them."""
    lost = server.lost
    with Probe(site.port, site.attacker, client_id=prefix) as attacker:
        assert attacker.subscribe("#") == [False]
        attack.stopped(f"{attacker.answer}, and nothing of the server ended")
    said = marker()
    server.publish(downlink(site.attacker), said)
    attack.control(server.wait_for(said), "the server's connection lives")
    assert server.lost == lost


# --- packets and sockets ----------------------------------------------------------------------------------------------
def test_oversized_packet(site: Site, server: Probe, attack: Attack) -> None:
    allowed = own_topic(site.attacker)
    with Probe(site.port, site.attacker) as attacker:
        sent = attacker.client.publish(allowed, b"x" * 20_000_000, qos=1)
        fence = marker()
        with Probe(site.port, site.victim) as victim:
            began = time.monotonic()
            victim.publish(own_topic(site.victim), fence)
            attack.control(server.wait_for(fence), "others are served meanwhile")
            seconds = time.monotonic() - began
        wait_until(lambda: not attacker.is_connected or sent.is_published(), "the broker has had it", 30)
        outcome = "dropped" if attacker.is_connected else "the broker ended the connection"
    assert all(len(payload) < 10_000_000 for _topic, payload, _retained in server.messages)
    attack.stopped(f"{outcome}; another dock was served in {seconds:.2f} s")


#: The first bytes of a CONNECT that announces 200 MB.
HALF_A_CONNECT = b"\x10\xff\xff\xff\x7f\x00\x04MQTT\x04\x02\x00\x3c"


@pytest.mark.parametrize("sent", [b"", b"\x10", HALF_A_CONNECT, b"GET / HTTP/1.1\r\n\r\n"], ids=repr)
def test_slow_connects(site: Site, server: Probe, sent: bytes, attack: Attack) -> None:
    opened = open_sockets(site.port, [sent] * 200)
    try:
        began = time.monotonic()
        with Probe(site.port, site.victim) as victim:
            fence = marker()
            victim.publish(own_topic(site.victim), fence)
            attack.control(server.wait_for(fence), "a dock connects and is heard meanwhile")
        seconds = time.monotonic() - began
        assert seconds < 5
        attack.stopped(f"200 sockets; a dock was served in {seconds:.2f} s")
    finally:
        for each in opened:
            each.close()


# --- Mosquitto alone --------------------------------------------------------------------------------------------------
def test_topic_alias_of_mqtt_5(site: Site, server: Probe, attack: Attack) -> None:
    """An alias that was made for the own topic is turned to the victim's."""
    if site.kind == "amqtt":
        pytest.skip("amqtt speaks MQTT 3.1.1 only")
    said, again, own = marker(), marker(), marker()
    with Probe(site.port, site.attacker, mqtt5=True) as attacker:
        attacker.publish(own_topic(site.attacker), own, alias=1)
        attack.control(server.wait_for(own), "an alias for the own topic works")
        attacker.publish(downlink(site.victim), said, alias=1)
        attacker.publish(downlink(site.victim), again, alias=1)
        attacker.publish(own_topic(site.attacker), own := marker())
        server.wait_for(own)
    assert server.heard(said) + server.heard(again) == []
    attack.stopped("dropped by the broker")


LIST = json.dumps({"commands": [{"command": "listClients", "verbose": True}]}).encode()
CREATE = json.dumps({"commands": [{"command": "createClient", "username": "mallory", "password": "mallory"}]}).encode()
ADMIN = json.dumps({"commands": [{"command": "addClientRole", "username": "{me}", "rolename": "server"}]}).encode()


@pytest.mark.parametrize("command", [LIST, CREATE, ADMIN], ids=["list", "create", "promote"])
def test_control_of_the_broker(site: Site, server: Probe, command: bytes, attack: Attack) -> None:
    if site.kind == "amqtt":
        pytest.skip("amqtt has no $CONTROL")
    command = command.replace(b"{me}", site.attacker.username.encode())
    response, fence = "$CONTROL/dynamic-security/v1/response", marker()
    with Probe(site.port, site.attacker) as attacker:
        granted = attacker.subscribe("$CONTROL/#", response, "$CONTROL/dynamic-security/#")
        attacker.publish("$CONTROL/dynamic-security/v1", command)
        attacker.publish(own_topic(site.attacker), fence)
        server.wait_for(fence)
        assert attacker.messages == []
    with Probe(site.port, site.server, client_id="cloudapi-control") as admin:
        admin.subscribe(response)
        admin.publish("$CONTROL/dynamic-security/v1", LIST)
        wait_until(lambda: bool(admin.messages), "the broker lists its clients")
        clients = json.loads(admin.messages[0][1])["responses"][0]["data"]["clients"]
    names = {client["username"]: {role["rolename"] for role in client["roles"]} for client in clients}
    attack.control(site.attacker.username in names, "the server gets the list")
    assert "mallory" not in names
    assert "server" not in names[site.attacker.username]
    attack.stopped(f"no answer, nothing changed, subscriptions {granted}")


@pytest.mark.parametrize("topic_filter", ["$SYS/#", "$SYS/broker/log/#", "$SYS/broker/log/N", "$share/g/$SYS/#"])
def test_listen_to_the_broker_s_log(site: Site, server: Probe, topic_filter: str, attack: Attack) -> None:
    """It names the accounts, client ids and addresses of everybody."""
    if site.kind == "amqtt":
        pytest.skip("amqtt publishes no log")
    with (
        Probe(site.port, site.attacker) as attacker,
        Probe(site.port, site.server, client_id="cloudapi-log") as admin,
    ):
        admin.subscribe("$SYS/broker/log/#")
        [granted] = attacker.subscribe(topic_filter)
        with Probe(site.port, site.victim):
            pass
        wait_until(lambda: site.victim.sn in str(admin.messages), "the server reads of the victim's connection")
        attack.control(site.victim.sn in str(admin.messages), "the server reads it")
        assert site.victim.sn not in str(attacker.messages)
    assert not granted
    attack.stopped("subscription refused")


@pytest.mark.parametrize("topic", ["$SYS/broker/log/N", "$SYS/brokers/n/clients/{victim}/disconnected"])
def test_forged_notice_of_the_broker(site: Site, server: Probe, topic: str, attack: Attack) -> None:
    """The worker believes the broker's log when it says that a device is gone."""
    if site.kind == "amqtt":
        pytest.skip("amqtt publishes no log")
    said = f"Client {site.victim.sn} closed its connection."
    with (
        Probe(site.port, site.attacker) as attacker,
        Probe(site.port, site.server, client_id="cloudapi-log") as admin,
    ):
        admin.subscribe("$SYS/#")
        attacker.publish(topic.format(victim=site.victim.sn), said.encode())
        fence = marker()
        attacker.publish(own_topic(site.attacker), fence)
        server.wait_for(fence)
        with Probe(site.port, site.victim):
            pass
        wait_until(lambda: site.victim.sn in str(admin.messages), "a true notice arrives")
        attack.control(site.victim.sn in str(admin.messages), "a true notice is heard")
    assert admin.heard(said.encode()) == []
    attack.stopped("dropped by the broker")
