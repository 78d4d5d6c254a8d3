"""Whose session a connection to amqtt gets, and how large a packet may be.

amqtt 0.12 looks a session up by its client id alone, before it checks the password: anybody could end another's
connection, and take over its subscriptions and what waits for it. Here the password comes first, and a session belongs
to an account.
"""

from typing import Any

from amqtt.adapters import ReaderAdapter
from amqtt.session import Session

_CLIENT_ID = "cloudapi.client_id"
#: As in deploy/mosquitto.conf. amqtt itself would take 256 MB, also from who has not logged in.
MAX_PACKET = 8_388_608


class PacketTooLarge(Exception):
    """amqtt ends the connection for an error that it does not know; with its own ones it reads on."""


def client_id_of(session: Session) -> str:
    """The client id as the client said it."""
    return str(session.attributes.get(_CLIENT_ID, session.client_id or ""))


def make_own(session: Session) -> None:
    """Name the session of a client that has logged in, so that no other account's client id can mean it."""
    session.attributes[_CLIENT_ID] = session.client_id or ""
    session.client_id = f"{session.username}/{session.client_id}"


def take_up(known: Session, connection: Session) -> Session:
    """The account's earlier session, for this connection."""
    for name in ("will_flag", "will_retain", "will_qos", "will_topic", "will_message", "keep_alive", "password"):
        setattr(known, name, getattr(connection, name))
    known.parent = 1
    return known


class BoundedReader(ReaderAdapter):  # type: ignore[misc]  # amqtt ships no types
    """Refuses packets above MAX_PACKET as soon as their length is announced."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    async def read(self, n: int = -1) -> bytes:
        if n > MAX_PACKET:
            raise PacketTooLarge(n)
        return bytes(await self._reader.read(n))

    def feed_eof(self) -> None:
        self._reader.feed_eof()
