"""Rights that hold when a gateway gets its answer: what it sends next must not be dropped.

The worker's keeper brings every change of rights to the broker in the end. Here the task that has bound a gateway or
taken in its topology does so at once, before it answers, unless changes are dear at the moment (`pace`). Then they are
the keeper's, who paces them.
"""

import logging
import time
from types import ModuleType

import redis
from django.db import Error as DatabaseError

from mqtt_bridge import broker_access
from mqtt_bridge.broker_access import pace, told
from mqtt_bridge.broker_access.access import Access, accesses_of_gateway
from mqtt_bridge.broker_access.errors import BrokerAccessError, BrokerUnreachable

log = logging.getLogger(__name__)

#: An answer waits so long (s) for a step of the broker's; other gateways' answers wait behind it.
PATIENCE = 2.0


def settle(gateway_sn: str) -> None:
    """Give the gateway the rights that our tables give it now. Those behind which its sub-devices were lose them soon
    after. Never raises for want of a broker, Valkey or database: the keeper goes on trying."""
    try:
        broker = broker_access.adapter()
        if broker is None:
            return
        accesses = [access for access in accesses_of_gateway(gateway_sn) if not told.is_known(access)]
        if accesses and not pace.is_dear():
            _bring(broker, accesses)
    except (BrokerAccessError, DatabaseError, redis.RedisError) as error:
        log.warning("The rights of %s come later: %s", gateway_sn, error)


def _bring(broker: ModuleType, accesses: list[Access]) -> None:
    began = time.monotonic()
    try:
        current = {access.username for access in broker.current(accesses, patience=PATIENCE)}
        due = [access for access in accesses if access.username not in current]
        missing = _change(broker, due) if due else []
    except BrokerUnreachable:
        pace.note_silence(time.monotonic() - began)
        raise
    told.note(access for access in accesses if access.username not in missing)


def _change(broker: ModuleType, due: list[Access]) -> list[str]:
    """The user names that the broker does not know."""
    began = time.monotonic()
    try:
        missing: list[str] = broker.put_roles(due, patience=PATIENCE)
    finally:
        # Also when nobody knows what the broker took: the keeper looks whether somebody had told it something newer.
        broker_access.announce([access.username for access in due])
    pace.note_cost((time.monotonic() - began) / len(due))
    return missing
