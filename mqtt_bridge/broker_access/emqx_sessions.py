"""Which sessions there may be at EMQX: whose client ids are whose, and which accounts were let in."""

import hashlib
import logging
from collections.abc import Collection

import redis

from cloudapi.valkey import client, text
from devices.models import Device
from mqtt_bridge.broker_access.emqx_accounts import Facts
from mqtt_bridge.models import MqttCredential

log = logging.getLogger(__name__)

_CLIENT_ID_SECONDS = 30 * 86_400
#: Client ids that the platform itself connects with start so.
_OWN_CLIENT_IDS = "cloudapi-"
_LET_IN_KEY = "cloudapi:emqx:let-in"


def may_use(facts: Facts, client_id: str) -> bool:
    """Whether the account may connect with this client id.

    Whoever takes a client id over gets the session with its subscriptions and waiting messages, and EMQX asks nothing
    more when it delivers them. So a client id belongs to the gateway whose SN it is, and any other to the gateway that
    used it first. Raises redis.RedisError, DatabaseError.
    """
    if client_id == facts.gateway_sn:
        return True
    if facts.client_id or client_id.startswith(_OWN_CLIENT_IDS):
        return False
    key = _client_key(client_id)
    owner = client().get(key)
    if owner is None:
        if "\0" in client_id or _is_known_sn(client_id):
            return False
        client().set(key, facts.gateway_sn, nx=True)
        owner = client().get(key)
    client().expire(key, _CLIENT_ID_SECONDS)
    return text(owner) == facts.gateway_sn


def give_back(gateway_sns: Collection[str]) -> None:
    """These SNs have accounts now, so nobody else may go on with one of them as client id. Raises redis.RedisError."""
    if gateway_sns:
        client().delete(*map(_client_key, gateway_sns))


def let_in(username: str) -> None:
    """Remember that there may be a session with this user name, for the day its account ends."""
    try:
        client().sadd(_LET_IN_KEY, username)
    except redis.RedisError as error:
        log.warning("Valkey does not answer; that %s was let in is not remembered: %s", username, error)


def ended(current: Collection[str]) -> list[str]:
    """User names that were let in and are not in `current`. Raises redis.RedisError."""
    return sorted({text(name) for name in client().smembers(_LET_IN_KEY)} - set(current))


def gone(usernames: Collection[str]) -> None:
    """Sessions with these user names have been ended. Raises redis.RedisError."""
    if usernames:
        client().srem(_LET_IN_KEY, *usernames)


def _is_known_sn(client_id: str) -> bool:
    """Even a device without an account: it may get one."""
    credentials = MqttCredential.objects.unscoped().filter(gateway_sn=client_id)
    return credentials.exists() or Device.objects.unscoped().filter(sn=client_id).exists()


def _client_key(client_id: str) -> str:
    return "cloudapi:emqx:client:" + hashlib.sha256(client_id.encode()).hexdigest()
