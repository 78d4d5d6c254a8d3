"""MQTT 3.1.1 as far as load needs it: connect, publish with QoS 0 from ready packets, subscribe, stay alive."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

KEEPALIVE = 60


def publish_header(topic: str, size: int) -> bytes:
    """Everything of a QoS 0 PUBLISH before its payload of `size` bytes."""
    encoded = string(topic)
    return b"\x30" + _length(len(encoded) + size) + encoded


def string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("!H", len(encoded)) + encoded


def _length(length: int) -> bytes:
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | 0x80 if length else digit)
        if not length:
            return bytes(encoded)


class Connection(asyncio.Protocol):
    """`arrived(topic, payload)` is called for what was subscribed. A connection that is lost raises at the next write:
    a load with holes is no measurement."""

    def __init__(
        self, client_id: str, username: str, password: str, arrived: Callable[[bytes, bytes], None] | None = None
    ) -> None:
        self._login = string(client_id) + string(username) + string(password)
        self._arrived = arrived
        self._buffer = b""
        self._answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self._pong = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    async def open(self, host: str, port: int) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, host, port)
        body = string("MQTT") + struct.pack("!BBH", 4, 0xC2, KEEPALIVE) + self._login
        self.write(b"\x10" + _length(len(body)) + body)
        kind, answer = await self._answers.get()
        if kind != 2 or answer[1]:
            raise ConnectionError(f"CONNACK {answer.hex()}")
        self._ping()

    async def subscribe(self, topic_filter: str, qos: int = 0) -> None:
        body = b"\x00\x01" + string(topic_filter) + bytes([qos])
        self.write(b"\x82" + _length(len(body)) + body)
        kind, answer = await self._answers.get()
        if kind != 9 or answer[2] > 2:
            raise ConnectionError(f"SUBACK {answer.hex()}")

    def publish(self, topic: str, payload: bytes, number: int) -> None:
        """With QoS 1. Nobody waits for the broker's confirmation."""
        body = string(topic) + struct.pack("!H", number % 65535 + 1) + payload
        self.write(b"\x32" + _length(len(body)) + body)

    def cut(self) -> None:
        """The connection is gone without a word."""
        if self._transport is not None:
            self._transport.abort()

    def write(self, packet: bytes) -> None:
        if self._transport is None:
            raise ConnectionError("the broker closed the connection")
        self._transport.write(packet)

    def waiting(self) -> int:
        """Bytes that the broker has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    async def drained(self) -> None:
        """Wait until the broker has taken everything, shown by its answer to a ping."""
        self._pong.clear()
        self.write(b"\xc0\x00")
        await self._pong.wait()

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.set_write_buffer_limits(high=1 << 24)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        position = 0
        while (found := _packet_at(self._buffer, position)) is not None:
            first, start, position = found
            self._take(first, self._buffer[start:position])
        self._buffer = self._buffer[position:]

    def _take(self, first: int, body: bytes) -> None:
        if first >> 4 == 3:
            end = 2 + int.from_bytes(body[:2], "big")
            if first & 6:
                self.write(b"\x40\x02" + body[end : end + 2])
            if self._arrived is not None:
                self._arrived(body[2:end], body[end + 2 :] if first & 6 else body[end:])
        elif first >> 4 == 13:
            self._pong.set()
        elif first >> 4 != 4:
            self._answers.put_nowait((first >> 4, body))

    def _ping(self) -> None:
        if self._transport is not None:
            self._transport.write(b"\xc0\x00")
            asyncio.get_running_loop().call_later(KEEPALIVE / 2, self._ping)


def _packet_at(buffer: bytes, position: int) -> tuple[int, int, int] | None:
    """(first byte, start of the body, end) of the packet at a position; None while it is not complete."""
    length, shift, index = 0, 0, position + 1
    while True:
        if index >= len(buffer):
            return None
        length |= (buffer[index] & 0x7F) << shift
        index += 1
        if not buffer[index - 1] & 0x80:
            break
        shift += 7
    return (buffer[position], index, index + length) if index + length <= len(buffer) else None
