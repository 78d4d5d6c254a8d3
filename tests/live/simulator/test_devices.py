"""Simulated devices against a real broker: steps, refusals, reconnection."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import paho.mqtt.client as paho
import pytest

from mqtt_bridge.simulator import link
from mqtt_bridge.simulator.controller import Controller
from mqtt_bridge.simulator.device import Device
from mqtt_bridge.simulator.dock import Dock, DockOptions
from mqtt_bridge.simulator.endpoint import CredentialsRefused, Endpoint
from mqtt_bridge.simulator.flight import Home
from mqtt_bridge.simulator.misbehave import KINDS, Misbehaviour
from mqtt_bridge.simulator.options import Options
from tests.live.simulator.servers import Broker, Cloud, frame

pytestmark = pytest.mark.live
HOME = Home(46.9561, 7.4822)


def dock_options(broker: Broker, **changed: Any) -> DockOptions:
    options: dict[str, Any] = {
        "sn": "DOCK1",
        "model_key": "3-2-0",
        "aircraft_sn": "AIR1",
        "aircraft_model_key": "0-91-1",
        "endpoint": Endpoint("127.0.0.1", broker.port, "user", "secret"),
        "home": HOME,
        "organization_id": "org",
        "bind_code": "the-bind-code",
        "callsign": "North",
    }
    return DockOptions(**options | changed)


async def run_until(device: Device, condition: Callable[[], bool], seconds: float = 20) -> None:
    running = asyncio.create_task(device.run())
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                if running.done():
                    running.result()
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def same_shape(mine: Any, documented: Any) -> bool:
    """The same keys and kinds of values, one entry of an array standing for all."""
    if isinstance(documented, dict):
        return (
            isinstance(mine, dict)
            and mine.keys() == documented.keys()
            and all(same_shape(mine[key], documented[key]) for key in documented)
        )
    if isinstance(documented, list):
        return isinstance(mine, list) and all(same_shape(each, documented[0]) for each in mine)
    return type(mine) is type(documented)


async def test_dock_binds_and_flies(broker: Broker, cloud: Cloud) -> None:
    said: list[str] = []
    cloud.answers["config"] |= {"app_key": "the-app-key", "app_license": "the-licence"}
    dock = Dock(dock_options(broker, speedup=10), said.append)

    def flying() -> bool:
        shapes = {
            key for data in cloud.osd("DOCK1") for key in ("mode_code", "job_number", "wireless_link") if key in data
        }
        return len(shapes) == 3 and any(data["mode_code"] == 5 for data in cloud.osd("AIR1"))

    await run_until(dock, flying)
    binding = ["config", "airport_bind_status", "airport_organization_get", "airport_organization_bind", "update_topo"]
    assert cloud.methods()[:5] == binding
    assert set(cloud.methods()[5:]) == {"flight_areas_get", "offline_map_get"}
    for method in binding:
        assert same_shape(cloud.data(method), frame(method)["data"]), method
    assert dock.refusal is None
    assert any("state_reply ✓" in line for line in said)
    for secret in ("the-app-key", "the-licence", "the-bind-code"):
        assert not any(secret in line for line in said)


async def test_bound_dock_does_not_ask_for_its_organization(broker: Broker, cloud: Cloud) -> None:
    bound = [{"sn": sn, "is_device_bind_organization": True, "organization_name": "Org"} for sn in ("DOCK1", "AIR1")]
    cloud.answers["airport_bind_status"] = {"result": 0, "output": {"bind_status": bound}}
    await run_until(Dock(dock_options(broker), print), lambda: "update_topo" in cloud.methods())
    assert cloud.methods() == ["config", "airport_bind_status", "update_topo"]


async def test_refused_dock_stays_connected_and_unbound(broker: Broker, cloud: Cloud) -> None:
    cloud.answers["airport_organization_get"] = {"result": 210230}
    dock = Dock(dock_options(broker), print)
    await run_until(dock, lambda: bool(cloud.osd("DOCK1")))
    assert "airport_organization_bind" not in cloud.methods()
    assert "210230" in (dock.refusal or "")


async def test_aircraft_keeps_silent_while_its_topology_is_refused(broker: Broker, cloud: Cloud) -> None:
    cloud.answers["update_topo"] = {"result": 1}
    await run_until(Dock(dock_options(broker), print), lambda: len(cloud.osd("DOCK1")) > 6)
    assert cloud.osd("AIR1") == []


async def test_aircraft_leaves_and_returns(broker: Broker, cloud: Cloud) -> None:
    dock = Dock(dock_options(broker, leave_after=1.0, return_after=1.0), print)
    await run_until(dock, lambda: cloud.methods().count("update_topo") == 3)
    topologies = [body["data"]["sub_devices"] for _, body in cloud.heard if body.get("method") == "update_topo"]
    assert [[each["sn"] for each in sub_devices] for sub_devices in topologies] == [["AIR1"], [], ["AIR1"]]


async def test_controller_sends_whole_reports_and_changes(broker: Broker, cloud: Cloud) -> None:
    options = Options("RC1", "2-144-0", "AIR2", "0-77-1", Endpoint("127.0.0.1", broker.port, "user", "secret"), HOME)
    await run_until(Controller(options, print), lambda: len(cloud.osd("AIR2")) > 1 and bool(cloud.osd("RC1")))
    assert cloud.methods() == ["update_topo"]
    assert same_shape(cloud.data("update_topo"), frame("update_topo_controller")["data"])
    whole, part = cloud.osd("AIR2")[:2]
    assert "height_limit" in whole
    assert "height_limit" not in part


async def test_broker_comes_back(broker: Broker, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    # The cloud may reconnect later than the dock and miss its first try.
    monkeypatch.setattr(link, "REPLY_TIMEOUT", 1.5)
    said: list[str] = []
    again: list[int] = []

    def steps() -> bool:
        if "update_topo" in cloud.methods() and not again:
            again.append(len(cloud.heard))
            broker.stop()
            broker.start()
        return cloud.methods().count("update_topo") > 1

    await run_until(Dock(dock_options(broker), said.append), steps, seconds=40)
    assert "connection ✗ connection lost" in said


async def test_wrong_password_ends_the_device(broker: Broker) -> None:
    endpoint = Endpoint("127.0.0.1", broker.port, "user", "wrong")
    with pytest.raises(CredentialsRefused):
        await run_until(Dock(dock_options(broker, endpoint=endpoint), print), lambda: False)


async def test_many_docks_share_one_loop(broker: Broker, cloud: Cloud) -> None:
    """They need no thread each, and each speaks for itself."""
    docks = [Dock(dock_options(broker, sn=f"DOCK{i}", aircraft_sn=f"AIR{i}"), lambda _: None) for i in range(30)]
    # paho blocks while it connects: for that asyncio has some threads.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4))
    before = most = threading.active_count()

    def flies(aircraft_sn: str) -> bool:
        nonlocal most
        most = max(most, threading.active_count())
        return bool(cloud.osd(aircraft_sn))

    async with asyncio.TaskGroup() as tasks:
        for dock in docks:
            tasks.create_task(run_until(dock, partial(flies, dock.aircraft.sn)))
    assert before < most <= before + 4
    named = {
        topic.split("/")[2]: [each["sn"] for each in body["data"]["sub_devices"]]
        for topic, body in cloud.heard
        if body.get("method") == "update_topo"
    }
    assert named == {dock.sn: [dock.aircraft.sn] for dock in docks}


async def test_misbehaving_dock_still_binds(broker: Broker, cloud: Cloud) -> None:
    cloud.client.on_message = lambda client, userdata, message: _if_readable(cloud, client, message)
    misbehaviour = Misbehaviour(frozenset(KINDS), skew_ms=90_000, random=random.Random(3))
    dock = Dock(dock_options(broker, misbehaviour=misbehaviour), print)
    await run_until(dock, lambda: len(cloud.osd("AIR1")) > 1)
    assert any(body["timestamp"] > (time.time() + 60) * 1000 for _, body in cloud.heard)
    assert {each["type"] for each in cloud.data("update_topo")["sub_devices"]} == {91, 9999}


def _if_readable(cloud: Cloud, client: paho.Client, message: paho.MQTTMessage) -> None:
    with suppress(ValueError, RecursionError, AttributeError, TypeError, KeyError):
        cloud._answer(client, None, message)
