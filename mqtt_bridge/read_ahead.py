"""An MQTT client that reads ahead: many packets per system call.

paho asks the socket for one byte, the length, and the rest, and waits with `select` before each packet. Each of these
five calls gives up Python's global lock, and a thread that merges telemetry meanwhile keeps it for 5 ms: at 20,000
messages a second the reader got to read 15,000, and the broker dropped the others.
"""

from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

READ_AHEAD = 65_536
#: After so many packets paho gets to write, too: its confirmations, and the sign of life without which the broker hangs
#: up. A stream that never pauses would keep it reading for ever.
PACKETS_AT_A_TIME = 200


class ReadAheadSocket:
    """A connected socket (TCP or TLS) of which paho takes what it needs. Not for several threads that read."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._ahead = memoryview(b"")

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes, b"" at the end. Raises what the socket raises."""
        if not self._ahead:
            self._ahead = memoryview(self._sock.recv(READ_AHEAD))
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return bytes(taken)

    def pending(self) -> int:
        """Bytes that can be had although `select` sees none; paho asks for it before it waits."""
        of_tls = self._sock.pending() if hasattr(self._sock, "pending") else 0
        return len(self._ahead) + int(of_tls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class ReadAheadClient(mqtt.Client):
    def _create_socket(self) -> Any:
        return ReadAheadSocket(super()._create_socket())

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Many packets that were read ahead, before paho asks `select` again."""
        code = super().loop_read(max_packets)
        for _ in range(PACKETS_AT_A_TIME):
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS or not self._has_read_ahead():
                break
            code = super().loop_read(max_packets)
        return code

    def _has_read_ahead(self) -> bool:
        sock = self._sock
        return isinstance(sock, ReadAheadSocket) and sock.pending() > 0
