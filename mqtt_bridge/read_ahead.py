"""An MQTT client that reads ahead: many packets per system call, and plain messages without paho's machinery.

paho asks the socket for one byte, the length, and the rest, and waits with `select` before each packet. Each of these
five calls gives up Python's global lock, and a thread that merges telemetry meanwhile keeps it for 5 ms: at 20,000
messages a second the reader got to read 15,000, and the broker dropped the others. What paho then does with a message
costs ten times what it takes to find its topic and its payload. So messages that nobody confirms (QoS 0, as devices
send telemetry) are taken from what was read ahead; everything else stays paho's.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

READ_AHEAD = 65_536
#: After so many seconds of reading paho gets to write, too: its confirmations, and the sign of life without which the
#: broker hangs up. A stream that never pauses would keep it reading for ever.
READ_SECONDS = 0.2
#: First byte of a PUBLISH with QoS 0 that is retained; without the last bit it is not (MQTT 3.1.1, 3.3.1).
_RETAINED = 0x31

#: (topic, payload, retained)
Unconfirmed = tuple[bytes, bytes, bool]


class ReadAheadSocket:
    """A connected socket (TCP or TLS) of which paho takes what it needs. Not for several threads that read."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._ahead = b""
        self._at = 0

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes, b"" at the end. Raises what the socket raises."""
        if self._at == len(self._ahead):
            self._read()
        taken = self._ahead[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def unconfirmed(self) -> Iterator[Unconfirmed]:
        """The messages with QoS 0 that have arrived whole, up to anything else; for who is between two packets.

        Errors of the socket are left to who reads on.
        """
        if self._at == len(self._ahead):
            try:
                self._read()
            except OSError:
                return
        while (found := _message(self._ahead, self._at)) is not None:
            topic, payload, end = found
            retained, self._at = self._ahead[self._at] == _RETAINED, end
            yield topic, payload, retained

    def pending(self) -> int:
        """Bytes that can be had although `select` sees none; paho asks for it before it waits."""
        of_tls = self._sock.pending() if hasattr(self._sock, "pending") else 0
        return len(self._ahead) - self._at + int(of_tls)

    def _read(self) -> None:
        self._ahead, self._at = self._sock.recv(READ_AHEAD), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _message(ahead: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    """Topic and payload of the MQTT 3.1.1 message with QoS 0 at `at`, and where it ends.

    None if something else is there, or only a part of it, or what paho will refuse.
    """
    try:
        if ahead[at] | 1 != _RETAINED:
            return None
        length, start = 0, at + 1
        for shift in (0, 7, 14, 21):
            byte = ahead[start]
            start += 1
            length |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            return None
        payload = start + 2 + (ahead[start] << 8 | ahead[start + 1])
    except IndexError:
        return None
    end = start + length
    if payload > end or end > len(ahead) or payload == start + 2:
        return None
    return ahead[start + 2 : payload], ahead[payload:end], end


class ReadAheadClient(mqtt.Client):
    #: Takes (topic, payload, retained) of each message with QoS 0 instead of `on_message`. MQTT 3.1.1 only.
    on_unconfirmed: Callable[[bytes, bytes, bool], object] | None = None

    def _create_socket(self) -> Any:
        return ReadAheadSocket(super()._create_socket())

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Many packets that were read ahead, before paho asks `select` again."""
        until = time.monotonic() + READ_SECONDS
        while True:
            self._take_unconfirmed(until)
            code = super().loop_read(max_packets)
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS or not self._has_read_ahead() or time.monotonic() > until:
                return code

    def _take_unconfirmed(self, until: float) -> None:
        sock, take = self._sock, self.on_unconfirmed
        if take is None or not isinstance(sock, ReadAheadSocket) or self._in_packet["command"]:
            return
        for topic, payload, retained in sock.unconfirmed():
            take(topic, payload, retained)
            # paho hangs up on a broker that it has not heard for as long as it takes to miss two signs of life.
            self._last_bytes_received = now = time.monotonic()
            if now > until:
                break

    def _has_read_ahead(self) -> bool:
        sock = self._sock
        return isinstance(sock, ReadAheadSocket) and sock.pending() > 0
