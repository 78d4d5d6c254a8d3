"""A gateway as somebody writes it who has only the README: paho, JSON, and no line of this project."""

import json
import threading
import time
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

ANSWER_SECONDS = 20.0


class Reply:
    """One message that came back: when it arrived (ms), on which topic, and its JSON object."""

    def __init__(self, topic: str, payload: bytes) -> None:
        self.at = time.time_ns() // 1_000_000
        self.topic = topic
        self.text = payload.decode()
        self.body: dict[str, Any] = json.loads(self.text)

    @property
    def data(self) -> Any:
        return self.body["data"]


class Gateway:
    """Connects with what `add_gateway --json` printed: `mqtt_host, mqtt_port, mqtt_username, mqtt_password, sn`."""

    def __init__(self, account: Mapping[str, Any], *, mqtt5: bool = False) -> None:
        self.sn: str = account["sn"]
        self.requests, self.status = f"thing/product/{self.sn}/requests", f"sys/product/{self.sn}/status"
        self._address = account["mqtt_host"], account["mqtt_port"]
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self.sn, protocol=mqtt.MQTTv5 if mqtt5 else mqtt.MQTTv311
        )
        self._client.username_pw_set(account["mqtt_username"], account["mqtt_password"])
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._keep
        self._arrived = threading.Condition()
        self._replies: list[Reply] = []
        self._ready = threading.Event()
        self.refusal = ""

    def __enter__(self) -> Self:
        self._client.connect(*self._address, keepalive=60)
        self._client.loop_start()
        if not self._ready.wait(ANSWER_SECONDS) or self.refusal:
            self.close()
            raise ConnectionError(self.refusal or "the broker did not answer")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """What has arrived stays readable."""
        self._client.disconnect()
        self._client.loop_stop()
        # paho closes two of its three sockets when it is collected, and cannot use any beyond the 1024th.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None
        del self._client

    # --- sending ------------------------------------------------------------------------------------------------------
    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Returns when the broker has confirmed it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(ANSWER_SECONDS)

    def send(self, topic: str, method: str, data: Any, **more: Any) -> dict[str, Any]:
        """Publishes a message with new ids, unless `more` says others, and returns it."""
        message = {
            "tid": str(uuid.uuid4()),
            "bid": str(uuid.uuid4()),
            "timestamp": time.time_ns() // 1_000_000,
            "method": method,
            "data": data,
            **more,
        }
        self.publish(topic, json.dumps(message))
        return message

    def telemetry(self, sn: str, values: Mapping[str, Any], kind: str = "osd") -> None:
        """OSD or state of this gateway or of an aircraft behind it; it has no method."""
        message = {"tid": str(uuid.uuid4()), "bid": str(uuid.uuid4()), "timestamp": time.time_ns() // 1_000_000}
        self.publish(f"thing/product/{sn}/{kind}", json.dumps({**message, "gateway": self.sn, "data": values}))

    # --- asking -------------------------------------------------------------------------------------------------------
    def ask(self, topic: str, method: str, data: Any, **more: Any) -> Reply:
        """Sends a message and returns the first answer to it."""
        return self.answers(self.send(topic, method, data, **more))[0]

    def request(self, method: str, data: Any, **more: Any) -> Any:
        """The `data` of the answer to a request."""
        return self.ask(self.requests, method, data, **more).data

    def topology(self, data: Any, **more: Any) -> Any:
        """The `data` of the answer to a topology update."""
        return self.ask(self.status, "update_topo", data, **more).data

    def answers(self, sent: Mapping[str, Any], count: int = 1, seconds: float = ANSWER_SECONDS) -> list[Reply]:
        """Waits until `count` answers to this message are there. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.arrived(sent)) >= count, seconds):
                found = len(self.arrived(sent))
                raise TimeoutError(f"{found} of {count} answers to {sent['method']} of {self.sn} in {seconds} s")
            return self.arrived(sent)

    def arrived(self, sent: Mapping[str, Any]) -> list[Reply]:
        """The answers that are there, by `tid`."""
        return [reply for reply in self._replies if reply.body.get("tid") == sent["tid"]]

    # --- paho ---------------------------------------------------------------------------------------------------------
    def _subscribe(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.refusal = str(reason)
            self._ready.set()
            return
        client.subscribe([(f"{self.requests}_reply", 1), (f"{self.status}_reply", 1)])

    def _subscribed(self, _client: mqtt.Client, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self.refusal = f"subscription refused: {', '.join(map(str, reasons))}"
        self._ready.set()

    def _keep(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._arrived:
            self._replies.append(Reply(message.topic, bytes(message.payload)))
            self._arrived.notify_all()
