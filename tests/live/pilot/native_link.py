"""What Pilot's modules do behind the bridge: MQTT as the controller, and the platform's WebSocket."""

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect
from websockets.sync.connection import Connection

FRAMES = Path(__file__).parents[2] / "fixtures" / "frames"
OSD_SECONDS = 0.5


class ThingLink:
    """The cloud module: connects as `controller_sn`, reports the topology, then OSD of controller and aircraft."""

    def __init__(self, sn: str, aircraft_sn: str, host: str, state: Callable[[bool], None]) -> None:
        self.sn, self.aircraft_sn = sn, aircraft_sn
        self.is_connected = False
        self.connects = 0
        self._address = urlsplit(host)
        self._state = state
        self._stop = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=sn)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._answered

    def start(self, username: str, password: str) -> None:
        self._client.username_pw_set(username, password)
        with contextlib.suppress(OSError):
            self._client.connect(self._address.hostname or "", self._address.port or 1883, keepalive=30)
        self._client.loop_start()

    def stop(self) -> None:
        self._stop.set()
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """The process is gone: the broker gets no DISCONNECT."""
        self._stop.set()
        self._client.on_disconnect = None
        self._client.loop_stop()
        socket = self._client.socket()
        if socket is not None:
            socket.close()

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.is_connected = not reason.is_failure
        if self.is_connected:
            self.connects += 1
            client.subscribe(f"sys/product/{self.sn}/status_reply", qos=1)
            self._publish(f"sys/product/{self.sn}/status", self._topology(), method="update_topo")
        self._state(self.is_connected)

    def _disconnected(self, _client: mqtt.Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        if self.is_connected:
            self.is_connected = False
            self._state(False)

    def _answered(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if json.loads(message.payload)["data"]["result"] == 0:
            threading.Thread(target=self._report, daemon=True).start()

    def _report(self) -> None:
        while self.is_connected and not self._stop.wait(OSD_SECONDS):
            self._publish(f"thing/product/{self.sn}/osd", frame("osd_controller"))
            if self.aircraft_sn:
                self._publish(f"thing/product/{self.aircraft_sn}/osd", frame("osd_aircraft"))

    def _topology(self) -> dict[str, Any]:
        aircraft = {"sn": self.aircraft_sn, "domain": "0", "type": 77, "sub_type": 0, "index": "A"}
        own = {"domain": "2", "type": 144, "sub_type": 0, "thing_version": "1.1.2"}
        return {**own, "sub_devices": [aircraft] if self.aircraft_sn else []}

    def _publish(self, topic: str, data: Any, **more: Any) -> None:
        ids = {"tid": str(uuid.uuid4()), "bid": str(uuid.uuid4()), "timestamp": time.time_ns() // 1_000_000}
        self._client.publish(topic, json.dumps({**ids, "gateway": self.sn, **more, "data": data}), qos=1)


class SocketLink:
    """The ws module: appends the token to the address, and keeps the frames that arrive."""

    def __init__(self, host: str, token: str, state: Callable[[bool], None]) -> None:
        self.is_connected = False
        self.frames: list[dict[str, Any]] = []
        self._address = f"{host}?x-auth-token={quote(token, safe='')}"
        self._state = state
        self._socket: Connection | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _run(self) -> None:
        try:
            with connect(self._address, open_timeout=10) as socket:
                self._socket = socket
                self.is_connected = True
                self._state(True)
                for text in socket:
                    self.frames.append(json.loads(text))
        except (InvalidHandshake, ConnectionClosed, OSError):
            pass
        self.is_connected = False
        self._state(False)


def frame(name: str) -> Any:
    return json.loads((FRAMES / f"{name}.json").read_text())["payload"]["data"]
