"""The worker's MQTT client reads many packets per system call and loses none of their borders."""

import socket
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from mqtt_bridge import read_ahead
from mqtt_bridge.read_ahead import ReadAheadClient, ReadAheadSocket


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

    def close(self) -> None:
        pass


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


def test_a_stream_without_pause_lets_the_client_write_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "READ_SECONDS", 0.01)
    client = ReadAheadClient(CallbackAPIVersion.VERSION2, client_id="reader")
    received: list[object] = []
    client.on_message = lambda _client, _userdata, message: received.append(message.payload)
    client._sock = ReadAheadSocket(Endless())
    for turn in (1, 2):
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
        assert received[:turn] == [b"abc"] * turn


Message = tuple[bytes, bytes, int, bool]
messages = st.tuples(
    st.sampled_from([b"thing/product/AIR/osd", b"a", b"\xff/osd"]),
    st.binary(max_size=20) | st.integers(100, 20_000).map(bytes),
    st.sampled_from([0, 0, 0, 1]),
    st.booleans(),
)
PINGRESP = b"\xd0\x00"


def packet(topic: bytes, payload: bytes, qos: int, retained: bool) -> bytes:
    """PUBLISH of MQTT 3.1.1, 3.3."""
    content = len(topic).to_bytes(2, "big") + topic + (b"\x00\x07" if qos else b"") + payload
    length, rest = b"", len(content)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes([digit | (128 if rest else 0)])
        if not rest:
            return bytes([0x30 | qos << 1 | retained]) + length + content


class Reader(ReadAheadClient):
    """Notes what was taken and by whom; connected to these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id="reader", manual_ack=True)
        self.source = Counting(*pieces)
        self._sock = ReadAheadSocket(self.source)
        self.received: list[Message] = []
        self.on_unconfirmed = lambda topic, payload, retained: self.received.append((topic, payload, 0, retained))
        self.on_message = lambda _client, _userdata, read: self.received.append(
            (read._topic, bytes(read.payload), read.qos, bool(read.retain))
        )

    def read(self) -> MQTTErrorCode:
        """Until there is no more, or something is wrong."""
        while (code := self.loop_read()) == MQTTErrorCode.MQTT_ERR_SUCCESS and self.source.pieces:
            pass
        return code


@settings(deadline=None)
@given(st.lists(messages | st.none(), max_size=12), st.lists(st.integers(1, 3_000), min_size=1, max_size=20))
def test_messages_arrive_whole_and_in_order_however_they_are_cut(sent: list[Message | None], cuts: list[int]) -> None:
    stream = b"".join(PINGRESP if message is None else packet(*message) for message in sent)
    pieces: list[bytes] = []
    at = 0
    while at < len(stream):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(stream[at : at + size])
        at += size
    reader = Reader(*pieces)
    assert reader.read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert reader.received == [message for message in sent if message is not None]


def test_most_messages_do_not_pass_through_paho() -> None:
    reader = Reader(packet(b"thing/product/AIR/osd", bytes(2_500), 0, False) * 20)
    reader.on_message = None
    reader.read()
    assert len(reader.received) == 20


@pytest.mark.parametrize(
    "malformed", [b"\x30\x03\x00\x09abc", b"\x30\x00", b"\x30\xff\xff\xff\xff\x01", b"\x36\x05\x00\x01abc"]
)
def test_what_is_no_message_ends_the_connection_or_is_ignored_by_paho(malformed: bytes) -> None:
    reader = Reader(packet(b"a", b"good", 0, False) + malformed + bytes(300))
    reader.read()
    assert reader.received[:1] == [(b"a", b"good", 0, False)]
    assert all(topic == b"" for topic, *_rest in reader.received[1:])


def test_a_stream_of_telemetry_is_a_sign_of_life_of_the_broker() -> None:
    reader = Reader(packet(b"a", b"b", 0, False))
    reader._last_bytes_received = 0.0
    reader._take_unconfirmed(time.monotonic() + 1)
    assert reader._last_bytes_received > 0


def test_nor_does_a_stream_that_passes_by_paho_keep_it_from_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "READ_SECONDS", 0.01)
    reader = Reader()
    reader._sock = ReadAheadSocket(Endless())
    began = time.monotonic()
    assert reader.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert time.monotonic() - began < 5
    assert reader.received[0] == (b"t", b"abc", 0, False)


def test_everything_else_is_the_socket_s() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ahead: Any = ReadAheadSocket(ours)
        assert ahead.fileno() == ours.fileno()
        ahead.send(b"x")
        assert theirs.recv(1) == b"x"
