"""The broker's words about connections, from a real Mosquitto: the wording belongs to its version."""

import asyncio
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from cloudapi.platform import ports, probes, servers
from mqtt_bridge import notices
from mqtt_bridge.broker_access import dynsec, dynsec_file
from mqtt_bridge.broker_access.access import accesses
from mqtt_bridge.notices import Connected, Disconnected
from mqtt_bridge.session import Session
from tests import environment
from tests.factories import make_gateway, make_workspace
from tests.faults.mqtt import Link
from tests.processes import Child, wait_until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("audit_can_be_emptied", "transactional_db")]
SERVER, PASSWORD = "server", "server-of-the-tests"


@pytest.fixture
def broker_port(mosquitto: servers.Mosquitto, tmp_path: Path) -> Iterator[int]:
    from mqtt_bridge.models import MqttCredential

    make_gateway(make_workspace(), "DOCK-A")
    port = ports.free()
    part = servers.mosquitto(mosquitto, f"{port} 127.0.0.1", tmp_path)
    dynsec_file.write(tmp_path / servers.DYNSEC_FILE)
    child = Child(part.argv, tmp_path / "log", env=environment.clean())
    child.start()
    try:
        wait_until(lambda: probes.broker("127.0.0.1", port, SERVER, PASSWORD), "Mosquitto answers")
        assert MqttCredential.objects.unscoped().count() == 1
        with override_settings(MQTT_PORT=port):
            yield port
    finally:
        child.stop()


def test_how_connections_begin_and_end(broker_port: int) -> None:
    from mqtt_bridge.models import MqttCredential

    password = MqttCredential.objects.unscoped().get(gateway_sn="DOCK-A").password
    seen: list[Connected | Disconnected] = []

    def take(topic: str, payload: bytes, _retained: bool) -> None:
        notice = notices.read(topic, payload)
        if notice is not None and notice.client_id == "DOCK-A":
            seen.append(notice)

    session = Session("listener", notices.FILTERS, take)
    session.start()
    there, gone = Connected("DOCK-A", "DOCK-A"), Disconnected("DOCK-A")

    async def connect(keepalive: int = 30) -> Link:
        link = Link("DOCK-A", password, lambda _topic, _payload: None, lambda: None)
        await link.open("127.0.0.1", broker_port, ["thing/product/DOCK-A/#"], keepalive)
        return link

    async def expect(*notice: Connected | Disconnected) -> None:
        await asyncio.to_thread(wait_until, lambda: len(seen) >= len(notice), f"{notice}", 10)
        await asyncio.sleep(0.1)  # nothing more follows
        assert seen == list(notice)
        seen.clear()

    def put_again() -> None:
        dynsec.put(accesses(list(MqttCredential.objects.unscoped())))

    async def story() -> None:
        for end in ("good-bye", "closed", "reset", "killed"):
            link = await connect()
            await expect(there)
            match end:
                case "good-bye":
                    link.leave()
                case "closed":
                    link.abort()
                case "reset":
                    link.abort(reset=True)
                case "killed":  # its account was removed and made anew: an administrator ends the session
                    await asyncio.to_thread(dynsec.remove, ["DOCK-A"])
                    await asyncio.to_thread(put_again)
            await expect(gone)
        # A second connection with its client id takes over: nothing is said of the first one's end.
        await connect()
        second = await connect()
        await expect(there, there)
        second.abort()
        await expect(gone)
        # Nothing comes within one and a half times the keepalive.
        link = await connect(keepalive=1)
        assert link._ping is not None
        link._ping.cancel()
        await expect(there, gone)
        # Rubbish ends it too.
        link = await connect()
        assert link._transport is not None
        link._transport.write(struct.pack("!BB", 0xF0, 0))
        await expect(there, gone)

    try:
        wait_until(session.subscribed.is_set, "the listener listens")
        asyncio.run(story())
    finally:
        session.stop()
