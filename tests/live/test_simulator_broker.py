"""The simulated devices against a real broker: steps, refusals, reconnection, and the command around them."""

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from mqtt_bridge.simulator import link
from mqtt_bridge.simulator.controller import Controller
from mqtt_bridge.simulator.device import Device, Options
from mqtt_bridge.simulator.dock import Dock, DockOptions
from mqtt_bridge.simulator.flight import Home
from mqtt_bridge.simulator.link import CredentialsRefused, Endpoint
from mqtt_bridge.simulator.misbehave import KINDS, Misbehaviour

pytestmark = pytest.mark.live
ROOT = Path(__file__).resolve().parents[2]
FRAMES = ROOT / "tests" / "fixtures" / "frames"
HOME = Home(46.9561, 7.4822)
PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


def frame(name: str) -> dict[str, Any]:
    """The payload of a recorded or documented frame."""
    payload: dict[str, Any] = json.loads((FRAMES / f"{name}.json").read_text())["payload"]
    return payload


def binary(name: str) -> str:
    found = shutil.which(name, path=PATH)
    assert found, f"{name} is not installed"
    return found


class Broker:
    """A private Mosquitto that knows one account."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        passwords, self.config = directory / "passwords", directory / "mosquitto.conf"
        passwords.touch(0o600)
        subprocess.run(
            [binary("mosquitto_passwd"), "-b", str(passwords), "user", "secret"], check=True, capture_output=True
        )
        user = "user root\n" if os.geteuid() == 0 else ""
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\npassword_file {passwords}\nset_tcp_nodelay true\n{user}"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([binary("mosquitto"), "-c", str(self.config)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("mosquitto did not start")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Cloud:
    """Answers with the documented replies, and keeps what it heard."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {
            "config": frame("config_reply")["data"],
            "airport_bind_status": {"result": 0, "output": {"bind_status": []}},
            "airport_organization_get": frame("airport_organization_get_reply")["data"],
            "update_topo": {"result": 0},
            "flight_areas_get": {"result": 0},
            "offline_map_get": {"result": 0},
        }
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "cloud")
        self.client.username_pw_set("user", "secret")
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe(
            [("thing/product/+/+", 1), ("sys/product/+/status", 1)]
        )
        self.client.on_message = self._answer
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _answer(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        kind = message.topic.rsplit("/", 1)[-1]
        if kind.endswith("_reply"):
            return
        try:
            body = json.loads(message.payload)
        except ValueError:
            return
        if not isinstance(body, dict) or "data" not in body:
            return  # the garbage of a misbehaving device
        self.heard.append((message.topic, body))
        data = self.answers.get(body.get("method", ""))
        if body.get("method") == "airport_organization_bind":
            infos = [{"sn": each["sn"], "err_code": 0} for each in body["data"]["bind_devices"]]
            data = {"result": 0, "output": {"err_infos": infos}}
        elif kind == "state" and body.get("need_reply"):
            data = {"result": 0}
        if data is not None:
            reply = {key: body[key] for key in ("tid", "bid", "method") if key in body} | {"data": data}
            client.publish(f"{message.topic}_reply", json.dumps(reply), 1)

    def methods(self) -> list[str]:
        return [body["method"] for topic, body in self.heard if topic.endswith(("requests", "status"))]

    def data(self, method: str) -> Any:
        return next(body["data"] for _, body in self.heard if body.get("method") == method)

    def osd(self, sn: str) -> list[dict[str, Any]]:
        return [body["data"] for topic, body in self.heard if topic == f"thing/product/{sn}/osd"]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def cloud(broker: Broker) -> Iterator[Cloud]:
    cloud = Cloud(broker.port)
    yield cloud
    cloud.client.disconnect()
    cloud.client.loop_stop()


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


# --- the command ------------------------------------------------------------------------------------------------------
def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), "simulate", *arguments]


def environment(tmp_path: Path) -> dict[str, str]:
    """No database can be reached: a device needs none."""
    nowhere = "postgres://nobody@127.0.0.1:9/nothing"
    return {**os.environ, "SECRET_KEY": "simulator", "DATA_DIR": str(tmp_path), "DATABASE_URL": nowhere}


def test_command_ends_cleanly_on_sigterm(broker: Broker, cloud: Cloud, tmp_path: Path) -> None:
    account = ["--port", str(broker.port), "--username", "user", "--password", "secret"]
    process = subprocess.Popen(
        command("controller", "--sn", "RC9", *account), env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while not cloud.osd("RC9") and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "update_topo ✓ result=0" in output
    assert output.rstrip().endswith("stopped")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dock"], "--sn"),
        (["dock", "--sn", "a/b"], "no serial number"),
        (["dock", "--sn", "D1", "--model", "dock2"], "no model key"),
        (["dock", "--sn", "D1", "--misbehave", "badly"], "no misbehaviour"),
        (["controller", "--demo"], "make run"),
    ],
)
def test_command_refuses_with_a_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    done = subprocess.run(command(*arguments), env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_command_names_refused_credentials(broker: Broker, tmp_path: Path) -> None:
    account = ["--port", str(broker.port), "--username", "user", "--password", "wrong-password"]
    done = subprocess.run(
        command("dock", "--sn", "D1", *account), env=environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "refuses the user user" in done.stderr
    assert "wrong-password" not in done.stdout + done.stderr
