"""What Mosquitto says about connections on `$SYS/broker/log/#` (wording of 2.0.11; `connection_messages true`)."""

import re
from typing import NamedTuple

FILTER = "$SYS/broker/log/#"
_CONNECTED = re.compile(
    # The client id is whatever the client says, so it may contain anything; the account's name comes last.
    rb"New client connected from \S+ as (?P<client_id>.*) \(p\d+, c\d+, k\d+, u'(?P<username>[^']*)'\)\.\s*$",
    re.DOTALL,
)


class Connected(NamedTuple):
    username: str
    client_id: str


def connected(payload: bytes) -> Connected | None:
    """The account and client id of a notice that a client has connected; None for any other notice."""
    found = _CONNECTED.search(payload)
    if found is None:
        return None
    return Connected(found["username"].decode("utf-8", "replace"), found["client_id"].decode("utf-8", "replace"))
