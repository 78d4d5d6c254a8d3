"""Accounts at EMQX: it asks us (`emqx_http`), so nothing is pushed but the ends of sessions, by its REST API."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import redis

from mqtt_bridge.broker_access import emqx_accounts, emqx_sessions
from mqtt_bridge.broker_access.access import Access
from mqtt_bridge.broker_access.changes import Changes, Comparison
from mqtt_bridge.broker_access.emqx_api import PATIENCE, EmqxApi, is_configured
from mqtt_bridge.broker_access.errors import BrokerAccessError
from mqtt_bridge.broker_access.roles import Role, allows

log = logging.getLogger(__name__)


def put(accesses: Collection[Access]) -> None:
    """EMQX asks for these accounts anew, and their sessions with an old password end."""
    usernames = [access.username for access in accesses]
    emqx_accounts.forget(usernames)
    with _needing_valkey():
        emqx_sessions.give_back([access.gateway_sn for access in accesses if access.gateway_sn])
    _end_sessions(usernames)


def put_roles(accesses: Collection[Access], *, patience: float = PATIENCE) -> list[str]:
    """These accounts have their present rights and no others; their sessions go on. None of them is unknown: EMQX asks
    us. It waits `patience` seconds for each answer."""
    renew({access.username: [access.role] for access in accesses}, patience=patience)
    return []


def current(_accesses: Collection[Access], *, patience: float = PATIENCE) -> list[Access]:
    """Nobody knows what EMQX was answered last."""
    return []


def remove(usernames: Collection[str]) -> None:
    """Refuse these accounts from now on and end their sessions."""
    emqx_accounts.block(usernames)
    _end_sessions(usernames)


def reconcile(accesses: Collection[Access]) -> Comparison:
    """End the sessions of accounts that are no more; nothing is created or changed."""
    with _needing_valkey():
        ended = emqx_sessions.ended([access.username for access in accesses])
        _end_sessions(ended)
        emqx_sessions.gone(ended)
    return Comparison(Changes([], [], ended))


@contextmanager
def _needing_valkey() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise BrokerAccessError(f"Valkey does not answer, which knows the sessions at EMQX: {error}") from error


def renew(rights: Mapping[str, Collection[Role]], *, patience: float = PATIENCE) -> None:
    """These accounts (user name → roles) may now do this and nothing else; their sessions go on.

    EMQX asks anew what it has kept, and subscriptions that they lost end. Raises BrokerAccessError; what EMQX has kept
    then counts for another minute.
    """
    emqx_accounts.forget(rights.keys())
    if is_configured():
        with EmqxApi(patience) as api:
            for username, roles in rights.items():
                api.renew_rights(username, partial(allows, roles, "subscribe"))


def _end_sessions(usernames: Collection[str]) -> None:
    if not usernames:
        return
    if not is_configured():
        log.warning("EMQX_API_URL is not set: sessions of changed or ended accounts stay until they end by themselves.")
        return
    with EmqxApi() as api:
        for username in usernames:
            api.end_sessions(username)
