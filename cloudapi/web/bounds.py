"""What a client may send, and how long it may take.

Daphne calls the application when a request has arrived completely, and until then keeps it, in memory or in a temporary
file, without a limit of size or time. So the limits are here, in front of it. Request line and headers together end at
16 KiB and 500 lines by Twisted itself (400).
"""

from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from twisted.web.http import HTTPChannel

#: From the first byte of a request to its last; trickling bytes do not prolong it.
RECEIVE_SECONDS = 20
#: A connection that is kept open between requests.
IDLE_SECONDS = 60
#: For the application to answer (503).
ANSWER_SECONDS = 60
#: For our answer to the handshake of a WebSocket, which has arrived by then: a thousand may come at once.
HANDSHAKE_SECONDS = 20
#: Bytes in a message from a WebSocket's client, who has little to say there; beyond it the connection is dropped.
SOCKET_MESSAGE = 4096

_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#: What is still under way is read and thrown away for so long: closing at once would take the answer back.
_LINGER_SECONDS = 1.0


class Request(WebRequest):
    """A request with a body of at most `HTTP_MAX_BODY` bytes."""

    _is_refused = False

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if (length or 0) > settings.HTTP_MAX_BODY:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        if not self._is_refused and self.content.tell() + len(data) > settings.HTTP_MAX_BODY:  # chunked
            self._refuse()
        if not self._is_refused:
            super().handleContentChunk(data)

    def process(self) -> Any:
        return None if self._is_refused else super().process()

    def _refuse(self) -> None:
        self._is_refused = True
        self.channel.transport.write(_TOO_LARGE)
        self.channel.callLater(_LINGER_SECONDS, self.channel.loseConnection)


class Channel(HTTPChannel):
    """A connection on which each request arrives within `RECEIVE_SECONDS`."""

    requestFactory = Request
    _is_receiving = False

    def dataReceived(self, data: bytes) -> None:
        if not self._is_receiving and not self._handlingRequest:
            self._is_receiving = True
            self.setTimeout(RECEIVE_SECONDS)
        super().dataReceived(data)

    def allContentReceived(self) -> None:
        self._is_receiving = False
        self.timeOut = IDLE_SECONDS
        super().allContentReceived()

    def resetTimeout(self) -> None:
        """Twisted calls it for each piece that arrives, which would let a client take for ever."""


class Factory(HTTPFactory):
    protocol = Channel

    def buildProtocol(self, addr: object) -> Any:
        channel = super().buildProtocol(addr)
        channel.timeOut = IDLE_SECONDS
        channel.requestFactory = Request
        return channel
