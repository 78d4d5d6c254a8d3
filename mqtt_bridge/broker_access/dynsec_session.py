"""A short conversation with Mosquitto's dynamic security plugin over `$CONTROL/dynamic-security/v1`."""

from __future__ import annotations

import json
import queue
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any, Self

import paho.mqtt.client as mqtt
from django.conf import settings
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from mqtt_bridge.broker_access.errors import BrokerAccessError, BrokerUnreachable
from mqtt_bridge.connection import make_client

Command = dict[str, Any]

_TOPIC = "$CONTROL/dynamic-security/v1"
#: How long (s) a step may take: connecting, logging in, answering.
PATIENCE = 10.0
#: Mosquitto 2.0.11 writes its whole file after each command: 60 ms with 2,000 gateways.
_TIMEOUT_PER_COMMAND = 0.25
#: A list of commands stays well below a megabyte, which brokers may be set to refuse.
_BATCH = 100


class DynsecSession:
    """Use as a context manager; one message carries many commands, and each gets an answer.

    Raises BrokerUnreachable or BrokerAccessError, from entering as well as from the methods.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._id = secrets.token_hex(8)
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._client = make_client(f"cloudapi-accounts-{self._id}")
        self._client.connect_timeout = patience
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect

    def __enter__(self) -> Self:
        address = f"{settings.MQTT_HOST}:{settings.MQTT_PORT}"
        try:
            self._client.connect(settings.MQTT_HOST, settings.MQTT_PORT)
        except OSError as error:
            raise BrokerUnreachable(f"The MQTT broker does not answer at {address} ({error}).") from error
        self._client.loop_start()
        try:
            refusal = self._wait_for("connected")
            if refusal:
                raise BrokerAccessError(f"The MQTT broker at {address} refuses the server's own account: {refusal}.")
            self._client.subscribe(f"{_TOPIC}/response", qos=1)
            if self._wait_for("subscribed"):
                raise BrokerAccessError(
                    f"The MQTT broker at {address} does not let the server's account use dynamic security."
                )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def run(self, commands: Sequence[Command]) -> Iterator[tuple[Command, str]]:
        """Each command with its error, "" for success."""
        for start in range(0, len(commands), _BATCH):
            batch = commands[start : start + _BATCH]
            yield from zip(batch, (answer.get("error", "") for answer in self._send(batch)), strict=True)

    def read(self, commands: Sequence[Command]) -> Iterator[dict[str, Any] | None]:
        """The data that each command is answered with, None for one that is refused."""
        for start in range(0, len(commands), _BATCH):
            for answer in self._send(commands[start : start + _BATCH]):
                yield None if "error" in answer else answer.get("data", {})

    def ask(self, command: Command) -> dict[str, Any]:
        """The data that the command answers with."""
        answer = self._send([command])[0]
        if "error" in answer:
            raise BrokerAccessError(f"The broker refused {command['command']}: {answer['error']}.")
        data: dict[str, Any] = answer.get("data", {})
        return data

    def _send(self, commands: Sequence[Command]) -> list[dict[str, Any]]:
        """The answers, in the order of the commands. Others may be talking to the plugin too: all hear all answers."""
        batch = secrets.token_hex(4)
        marks = [f"{self._id}.{batch}.{index}" for index in range(len(commands))]
        marked = [{**command, "correlationData": mark} for command, mark in zip(commands, marks, strict=True)]
        self._client.publish(_TOPIC, json.dumps({"commands": marked}), qos=1)
        answers: dict[str, dict[str, Any]] = {}
        while len(answers) < len(commands):
            for answer in self._wait_for("answered", _TIMEOUT_PER_COMMAND * len(commands)):
                if answer.get("correlationData") in marks:
                    answers[answer["correlationData"]] = answer
        return [answers[mark] for mark in marks]

    def _wait_for(self, wanted: str, more: float = 0.0) -> Any:
        seconds = self._patience + more
        deadline = time.monotonic() + seconds
        while True:
            try:
                event, value = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise BrokerUnreachable(f"The MQTT broker did not answer within {seconds:.0f} seconds.") from None
            if event == wanted:
                return value
            if event == "disconnected":
                raise BrokerUnreachable("The MQTT broker closed the connection.")

    def _on_connect(
        self, _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._events.put(("connected", str(reason) if reason.is_failure else ""))

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._events.put(("subscribed", any(reason.is_failure for reason in reasons)))

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self._events.put(("answered", json.loads(message.payload).get("responses", [])))

    def _on_disconnect(self, *_arguments: object) -> None:
        self._events.put(("disconnected", None))
