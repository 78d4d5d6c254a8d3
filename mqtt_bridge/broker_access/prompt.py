"""Rights that hold when a gateway gets its answer: what it sends next must not be dropped.

The worker's keeper brings every change of rights to the broker in the end. Here the task that has bound a gateway or
taken in its topology does so at once, before it answers, unless changes are dear at the moment: Mosquitto writes its
whole file for each and stands still meanwhile, 0.1 s with 2,000 accounts. Then they are the keeper's, who paces them.
"""

import hashlib
import logging
import time

import redis
from msgspec import json

from cloudapi.valkey import client, text
from mqtt_bridge import broker_access
from mqtt_bridge.broker_access.access import Access, accesses_of, usernames_of
from mqtt_bridge.broker_access.errors import BrokerAccessError

log = logging.getLogger(__name__)

#: User name → digest of the role that the broker was told last, by whichever process.
TOLD_KEY = "cloudapi:rights:told"
#: What a change took at the broker the last time, in s.
COST_KEY = "cloudapi:rights:cost"
_COST_KNOWN_SECONDS = 300
DEAR = 0.05


def settle(gateway_sn: str) -> None:
    """Give the gateway the rights that our tables give it now, and those behind which its sub-devices were lose them
    soon after. Never raises for want of a broker: the keeper goes on trying."""
    try:
        broker = broker_access.adapter()
        if broker is None:
            return
        accesses = [access for access in accesses_of(usernames_of([gateway_sn])) if not _was_told(access)]
        if not accesses or _is_dear():
            return
        accesses_as_they_are = {access.username for access in broker.current(accesses)}
        if due := [access for access in accesses if access.username not in accesses_as_they_are]:
            began = time.monotonic()
            broker.put_roles(due)
            note_cost((time.monotonic() - began) / len(due))
            broker_access.announce([access.username for access in due])
        note_told(accesses)
    except (BrokerAccessError, redis.RedisError) as error:
        log.warning("The rights of %s come later: %s", gateway_sn, error)


def note_told(accesses: list[Access]) -> None:
    """The broker was told these."""
    if accesses:
        client().hset(TOLD_KEY, mapping={access.username: _digest(access) for access in accesses})


def note_cost(seconds: float) -> None:
    """A change took so long."""
    client().set(COST_KEY, seconds, ex=_COST_KNOWN_SECONDS)


def _is_dear() -> bool:
    cost = client().get(COST_KEY)
    return cost is not None and float(text(cost)) > DEAR


def _was_told(access: Access) -> bool:
    told = client().hget(TOLD_KEY, access.username)
    return told is not None and text(told) == _digest(access)


def _digest(access: Access) -> str:
    return hashlib.sha256(json.encode(access.role)).hexdigest()
