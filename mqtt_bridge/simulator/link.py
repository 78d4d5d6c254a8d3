"""One MQTT connection of one gateway, on asyncio: many of them run in one process without a thread each."""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from .endpoint import CredentialsRefused, Endpoint, LinkLost, NoReply
from .envelope import Body
from .loop_driver import LoopDriver
from .misbehave import Misbehaviour

#: Devices are said to wait 10 s for a reply and to ask three times; a fourth try has not been seen.
REPLY_TIMEOUT = 10.0
TRIES = 3
BROKER_TIMEOUT = 10.0
KEEPALIVE = 30
#: What MQTT 3.1.1 brokers answer to a wrong password (4) and to an unknown user (5), as paho names them.
REFUSED_CREDENTIALS = {"Bad user name or password", "Not authorized"}


class Link:
    """Connects, subscribes, publishes with QoS 1, asks and waits for the reply that has the same `tid` and `bid`.

    `on_command(topic, body)` gets whatever is not a reply (services, property/set). Use from one event loop only.
    """

    def __init__(
        self, endpoint: Endpoint, client_id: str, misbehaviour: Misbehaviour, on_command: Callable[[str, Body], None]
    ) -> None:
        self.endpoint = endpoint
        self.unexpected_replies = 0
        self._misbehaviour = misbehaviour
        self._on_command = on_command
        self._loop = asyncio.get_running_loop()
        self._connack: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._replies: dict[tuple[str, str], asyncio.Future[Body]] = {}
        self._subacks: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._misc: asyncio.Task[None] | None = None
        self._client = self._make_client(client_id)
        self._driver = LoopDriver(self._client)

    def _make_client(self, client_id: str) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv311, reconnect_on_failure=False
        )
        client.connect_timeout = 5.0
        if self.endpoint.username:
            client.username_pw_set(self.endpoint.username, self.endpoint.password)
        if self.endpoint.tls:
            client.tls_set_context(self.endpoint.tls_context())
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        return client

    async def connect(self) -> None:
        """Raises CredentialsRefused, or LinkLost with the reason."""
        try:
            # Name look-up, TCP and TLS block in paho.
            await asyncio.to_thread(self._client.connect, self.endpoint.host, self.endpoint.port, KEEPALIVE)
            self._misc = asyncio.create_task(self._driver.keep_alive())
            reason = await self._or_lost(self._connack)
        except TimeoutError:
            raise LinkLost("the broker did not answer the CONNECT") from None
        except (OSError, ssl.SSLError) as error:
            raise LinkLost(str(error)) from None
        if reason.getName() in REFUSED_CREDENTIALS:
            raise CredentialsRefused(reason.getName())
        if reason.is_failure:
            raise LinkLost(f"refused: {reason.getName()}")

    async def subscribe(self, topics: list[str]) -> list[str]:
        """Subscribes with QoS 1 and returns the topics that the broker refused."""
        result, message_id = self._client.subscribe([(topic, 1) for topic in topics])
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or message_id is None:
            raise LinkLost("connection lost")
        suback = self._subacks.setdefault(message_id, self._loop.create_future())
        try:
            granted = await self._or_lost(suback)
        except TimeoutError:
            raise LinkLost("the broker did not answer the SUBSCRIBE") from None
        del self._subacks[message_id]
        return [topic for topic, code in zip(topics, granted, strict=False) if code.is_failure]

    def publish(self, topic: str, body: Body) -> None:
        """Publishes with QoS 1, as the misbehaviour turns it. Raises LinkLost when there is no connection."""
        if self._lost.done():
            raise LinkLost(self._lost.result())
        payload = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        for each_topic, each_payload in self._misbehaviour.frames(topic, payload):
            self._client.publish(each_topic, each_payload, qos=1)

    async def ask(self, topic: str, make_body: Callable[[], Body], on_silence: Callable[[int], None]) -> Body:
        """Publishes and waits for the reply; the tries share `tid` and `bid`. Raises NoReply after the last one."""
        body = make_body()
        with self.expecting(body["tid"], body["bid"]) as reply:
            for attempt in range(1, TRIES + 1):
                self.publish(topic, body if attempt == 1 else make_body())
                await asyncio.wait([reply], timeout=REPLY_TIMEOUT)
                if reply.done():
                    return reply.result()
                on_silence(attempt)
        raise NoReply(f"no reply after {TRIES} tries of {REPLY_TIMEOUT:g} s each")

    @contextmanager
    def expecting(self, tid: str, bid: str) -> Iterator[asyncio.Future[Body]]:
        """The reply with these ids, whenever it comes."""
        reply: asyncio.Future[Body] = self._loop.create_future()
        self._replies[tid, bid] = reply
        try:
            yield reply
        finally:
            del self._replies[tid, bid]

    async def watch(self) -> None:
        """Returns never: raises LinkLost when the connection ends."""
        raise LinkLost(await asyncio.shield(self._lost))

    async def close(self) -> None:
        if not self._lost.done() and self._client.socket() is not None:
            self._client.disconnect()
            await asyncio.wait([self._lost], timeout=2.0)
        if self._misc:
            self._misc.cancel()

    async def _or_lost(self, waited: asyncio.Future[Any]) -> Any:
        await asyncio.wait([waited, self._lost], timeout=BROKER_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        if waited.done():
            return waited.result()
        if self._lost.done():
            raise LinkLost(self._lost.result())
        raise TimeoutError

    # --- paho's callbacks, on the loop --------------------------------------------------------------------------------
    def _connected(
        self, client: paho.Client, userdata: Any, flags: paho.ConnectFlags, reason: ReasonCode, properties: Any
    ) -> None:
        if not self._connack.done():
            self._connack.set_result(reason)

    def _disconnected(
        self, client: paho.Client, userdata: Any, flags: paho.DisconnectFlags, reason: ReasonCode, properties: Any
    ) -> None:
        if not self._lost.done():
            self._lost.set_result("connection lost")

    def _subscribed(
        self,
        client: paho.Client,
        userdata: Any,
        message_id: int,
        codes: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        waiting = self._subacks.setdefault(message_id, self._loop.create_future())
        if not waiting.done():
            waiting.set_result(codes)

    def _received(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            body = json.loads(message.payload)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self.unexpected_replies += 1
        elif not message.topic.endswith("_reply"):
            self._on_command(message.topic, body)
        else:
            waiting = self._replies.get((str(body.get("tid")), str(body.get("bid"))))
            if waiting is not None and not waiting.done():
                waiting.set_result(body)
            else:
                self.unexpected_replies += 1
