"""Sending that waits while a WebSocket's client is slow.

Daphne puts whatever is sent to a client that does not read into memory. ASGI means `send` to wait, and uvicorn's does;
consumers that skip to the newest state (`devices.sockets`) rely on it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from daphne.server import Server
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

#: So many bytes may wait in the kernel to be sent (Linux), before those in our memory are counted. What waits is old by
#: the time it arrives.
UNSENT_BYTES = 128 * 1024
TCP_NOTSENT_LOWAT = 25
#: So many connections may wait to be accepted. Twisted's 50 makes the rest of a crowd come again after 1, 3, 7… s.
BACKLOG = 1024
#: The texts of the workspaces that were sent last.
KEPT = 16


@implementer(IPushProducer)
class Gate:
    """Open while the transport takes what is sent; Twisted closes it when more than 64 KB wait, and opens it again when
    none is left."""

    def __init__(self, transport: Any) -> None:
        self.opened = asyncio.Event()
        self.opened.set()
        with contextlib.suppress(AttributeError, OSError):  # only TCP has it, and only on Linux
            transport.getHandle().setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        transport.unregisterProducer()  # the HTTP request that became this WebSocket
        transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        self.opened.clear()

    def resumeProducing(self) -> None:
        self.opened.set()

    def stopProducing(self) -> None:
        self.opened.set()


class PatientServer(Server):
    def __init__(self, *args: Any, endpoints: Sequence[str], **options: Any) -> None:
        queued = [f"{one}:backlog={BACKLOG}" if one.startswith("tcp:") else one for one in endpoints]
        super().__init__(*args, endpoints=queued, **options)
        self._gates: dict[Any, Gate] = {}
        # Many sockets get the same text one after the other: it becomes bytes once. Also, autobahn's limit of what a
        # client may send (`bounds.SOCKET_MESSAGE`) would hold for what it gets, were it not prepared.
        self._prepare = lru_cache(maxsize=KEPT)(self._prepared)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """A message of the application for a client."""
        gate = self._gates.get(protocol)
        if gate is not None and message["type"] == "websocket.send" and message.get("text"):
            if protocol.state == protocol.STATE_OPEN:
                protocol.sendPreparedMessage(self._prepare(message["text"]))
                await gate.opened.wait()
            return
        await super().handle_reply(protocol, message)
        if message["type"] == "websocket.accept" and protocol.state == protocol.STATE_OPEN:
            self._gates[protocol] = Gate(protocol.transport)

    def _prepared(self, text: str) -> Any:
        return self.ws_factory.prepareMessage(text.encode(), False)

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)
        if (gate := self._gates.pop(protocol, None)) is not None:
            gate.opened.set()
