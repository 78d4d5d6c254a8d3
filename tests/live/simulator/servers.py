"""A private broker, and a cloud that answers as documented."""

import json
import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloudapi.platform import BASE_DIR, ports
from tests.processes import wait_until

FRAMES = BASE_DIR / "tests" / "fixtures" / "frames"
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
        self.port = ports.free()
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
        wait_until(self._answers, "Mosquitto has started", 10, 0.02)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

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
