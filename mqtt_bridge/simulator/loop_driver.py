"""paho's client on an asyncio loop instead of a thread of its own."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode


class LoopDriver:
    """Reads and writes a client's socket when the running loop says that it can.

    paho calls the functions for its socket from the thread that connects first, then from the loop. `keep_alive` must
    run while there is a connection.
    """

    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        client.on_socket_open = self._socket_opened
        client.on_socket_close = self._socket_closed
        client.on_socket_register_write = self._wants_write
        client.on_socket_unregister_write = self._wrote_all

    async def keep_alive(self) -> None:
        while self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:  # noqa: ASYNC110 - paho wants to be polled
            await asyncio.sleep(1.0)

    def _on_loop(self, function: Callable[..., Any], *arguments: Any) -> None:
        if threading.get_ident() == self._thread:
            function(*arguments)
        else:
            self._loop.call_soon_threadsafe(function, *arguments)

    def _socket_opened(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        # paho leaves Nagle's algorithm on, which holds small messages back for up to 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._on_loop(self._loop.add_reader, sock.fileno(), self._read, sock)

    def _socket_closed(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        self._on_loop(self._loop.remove_reader, sock.fileno())

    def _wants_write(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        self._on_loop(self._loop.add_writer, sock.fileno(), client.loop_write)

    def _wrote_all(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        self._on_loop(self._loop.remove_writer, sock.fileno())

    def _read(self, sock: Any) -> None:
        self._client.loop_read()
        # What TLS has decrypted already does not make the socket readable again.
        while isinstance(sock, ssl.SSLSocket) and sock.fileno() != -1 and sock.pending():
            self._client.loop_read()
