"""A small MQTT 3.1.1 client on asyncio: thousands of gateways fit into one thread."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Sequence

CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
ANSWER_SECONDS = 20.0


class Refused(ConnectionError):
    """The broker did not accept the connection or the subscription."""


class Link(asyncio.Protocol):
    """One connection, with the SN as client id and user name. `arrived(topic, payload)` and `lost()` are called in the
    loop; `lost` not after `leave` or `abort`."""

    def __init__(self, sn: str, password: str, arrived: Callable[[str, bytes], None], lost: Callable[[], None]) -> None:
        self._sn, self._password = sn, password
        self._arrived, self._lost = arrived, lost
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: dict[tuple[int, int], asyncio.Future[bytes]] = {}
        self._next_id = 0
        self._ping: asyncio.TimerHandle | None = None
        self.is_open = False

    async def open(self, host: str, port: int, filters: Sequence[str], keepalive: int = 30) -> None:
        """Connect and subscribe with QoS 1. Raises OSError (Refused is one)."""
        loop = asyncio.get_running_loop()
        await asyncio.wait_for(loop.create_connection(lambda: self, host, port), ANSWER_SECONDS)
        login = _string(self._sn) + _string(self._sn) + _string(self._password)
        answer = await self._ask(CONNACK, 0, 0x10, _string("MQTT") + struct.pack("!BBH", 4, 0xC2, keepalive) + login)
        if answer[1]:
            self.abort()
            raise Refused(f"{self._sn}: CONNACK {answer[1]}")
        number = self._number()
        wanted = b"".join(_string(topic_filter) + b"\x01" for topic_filter in filters)
        answer = await self._ask(SUBACK, number, 0x82, struct.pack("!H", number) + wanted)
        if any(code > 2 for code in answer[2:]):
            self.abort()
            raise Refused(f"{self._sn}: SUBACK {answer.hex()}")
        self.is_open = True
        self._keep_alive(keepalive / 2)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 0."""
        if self._transport is not None:
            self._transport.write(_packet(0x30, _string(topic) + payload))

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1; returns when the broker has confirmed. Raises OSError."""
        number = self._number()
        await self._ask(PUBACK, number, 0x32, _string(topic) + struct.pack("!H", number) + payload)

    def leave(self) -> None:
        """Say good-bye and close."""
        if self._transport is not None:
            self._transport.write(_packet(0xE0, b""))
            self._close().close()

    def abort(self, *, reset: bool = False) -> None:
        """The connection is gone without a word: by FIN, or by RST."""
        if self._transport is not None:
            if reset:
                raw = self._transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._close().abort()

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError(f"{self._sn}: the connection is gone"))
                future.exception()  # nobody may be waiting for it any more
        self._waiting.clear()
        was_open = self._transport is not None and self.is_open
        if self._transport is not None:
            self._close()
        if was_open:
            self._lost()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (packet := self._next_packet()) is not None:
            self._take(*packet)

    # --- packets ------------------------------------------------------------------------------------------------------
    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == PUBLISH:
            length = int.from_bytes(body[:2], "big")
            topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
            if first & 6:
                if self._transport is not None:
                    self._transport.write(_packet(0x40, rest[:2]))
                rest = rest[2:]
            self._arrived(topic, rest)
        elif kind in (CONNACK, PUBACK, SUBACK):
            number = 0 if kind == CONNACK else int.from_bytes(body[:2], "big")
            future = self._waiting.pop((kind, number), None)
            if future is not None and not future.done():
                future.set_result(body)

    def _next_packet(self) -> tuple[int, bytes] | None:
        length = position = 0
        while True:
            position += 1
            if len(self._buffer) <= position:
                return None
            length |= (self._buffer[position] & 0x7F) << 7 * (position - 1)
            if not self._buffer[position] & 0x80:
                break
        end = position + 1 + length
        if len(self._buffer) < end:
            return None
        first, body = self._buffer[0], bytes(self._buffer[position + 1 : end])
        del self._buffer[:end]
        return first, body

    async def _ask(self, kind: int, number: int, first: int, body: bytes) -> bytes:
        if self._transport is None:
            raise ConnectionError(f"{self._sn}: not connected")
        future = self._waiting[kind, number] = asyncio.get_running_loop().create_future()
        self._transport.write(_packet(first, body))
        try:
            return await asyncio.wait_for(future, ANSWER_SECONDS)
        except TimeoutError:
            self._waiting.pop((kind, number), None)
            if kind != PUBACK:
                self.abort()
            raise ConnectionError(f"{self._sn}: the broker does not answer") from None

    def _number(self) -> int:
        self._next_id = self._next_id % 65535 + 1
        return self._next_id

    def _keep_alive(self, seconds: float) -> None:
        if self._transport is not None:
            self._transport.write(_packet(0xC0, b""))
            self._ping = asyncio.get_running_loop().call_later(seconds, self._keep_alive, seconds)

    def _close(self) -> asyncio.Transport:
        transport, self._transport, self.is_open = self._transport, None, False
        assert transport is not None
        with contextlib.suppress(AttributeError):
            self._ping.cancel()  # type: ignore[union-attr]
        return transport


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("!H", len(encoded)) + encoded


def _packet(first: int, body: bytes) -> bytes:
    length, encoded = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | 0x80 if length else digit)
        if not length:
            return bytes([first]) + bytes(encoded) + body
