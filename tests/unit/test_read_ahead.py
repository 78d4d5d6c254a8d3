"""The worker's MQTT client reads many packets per system call and loses none of their borders."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from mqtt_bridge.read_ahead import PACKETS_AT_A_TIME, ReadAheadClient, ReadAheadSocket


class Counting:
    """A socket that gives what it has in these pieces, and then says that there is no more."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.calls = 0

    def recv(self, size: int) -> bytes:
        self.calls += 1
        if not self.pieces:
            raise BlockingIOError
        piece = self.pieces.pop(0)
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.lists(st.integers(1, 100), min_size=1, max_size=20)
)
def test_everything_arrives_in_its_order(pieces: list[bytes], sizes: list[int]) -> None:
    ahead, taken = ReadAheadSocket(Counting(*pieces)), b""
    turn = 0
    while True:
        size = sizes[turn % len(sizes)]
        turn += 1
        try:
            part = ahead.recv(size)
        except BlockingIOError:
            break
        assert 0 < len(part) <= size
        taken += part
    assert taken == b"".join(pieces)
    assert ahead.pending() == 0


def test_a_hundred_packets_cost_one_system_call() -> None:
    counting = Counting(b"packet" * 100)
    ahead = ReadAheadSocket(counting)
    assert [ahead.recv(6) for _ in range(100)] == [b"packet"] * 100
    assert counting.calls == 1


def test_the_end_and_errors_are_passed_on() -> None:
    assert ReadAheadSocket(Counting(b"")).recv(1) == b""
    with pytest.raises(BlockingIOError):
        ReadAheadSocket(Counting()).recv(1)


def test_what_tls_holds_back_is_pending_too() -> None:
    class Tls(Counting):
        def pending(self) -> int:
            return 7

    ahead = ReadAheadSocket(Tls(b"abc"))
    assert ahead.recv(1) == b"a"
    assert ahead.pending() == 2 + 7


class Endless(Counting):
    """A broker that always has more messages."""

    message = b"\x30\x06\x00\x01tabc"

    def recv(self, size: int) -> bytes:
        self.calls += 1
        return (self.message * (size // len(self.message) + 1))[:size]

    def close(self) -> None:
        pass


def test_a_stream_without_pause_lets_the_client_write_too() -> None:
    client = ReadAheadClient(CallbackAPIVersion.VERSION2, client_id="reader")
    received: list[object] = []
    client.on_message = lambda _client, _userdata, message: received.append(message.payload)
    client._sock = ReadAheadSocket(Endless())
    for turn in (1, 2):
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
        assert received == [b"abc"] * (PACKETS_AT_A_TIME + 1) * turn


def test_everything_else_is_the_socket_s() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ahead: Any = ReadAheadSocket(ours)
        assert ahead.fileno() == ours.fileno()
        ahead.send(b"x")
        assert theirs.recv(1) == b"x"
