"""Accounts and rights of gateways at the MQTT broker.

Our tables are the truth; this package brings a broker in line with them. What `settings.MQTT_BROKER` names does it:

- "dynsec": Mosquitto's dynamic security. `dynsec_file` writes all accounts into the file that the broker starts with,
  `dynsec` changes them in the running broker.
- "emqx": EMQX asks over HTTP at each login and about each topic (`emqx_http`); `emqx` ends sessions by its REST API.
- "amqtt": the broker of `manage.py amqtt_broker` reads our tables (`amqtt_plugin`), nothing is pushed.

`roles` holds the rule, `access` applies it to our tables, and the worker's `keeper` brings a change of a gateway's
rights to the broker.
"""

from collections.abc import Collection
from types import ModuleType

from django.conf import settings

from cloudapi.valkey import after_commit, client
from mqtt_bridge.broker_access import dynsec, emqx, told
from mqtt_bridge.broker_access.access import Account, accesses, accesses_of, all_accesses
from mqtt_bridge.broker_access.changes import Changes
from mqtt_bridge.broker_access.errors import BrokerAccessError, BrokerUnreachable

__all__ = ["BrokerAccessError", "BrokerUnreachable", "Changes", "adapter", "announce", "put", "reconcile", "remove"]

_ADAPTERS: dict[str, ModuleType | None] = {"dynsec": dynsec, "emqx": emqx, "amqtt": None}
#: Accounts that were put are announced here, for who keeps their rights.
PUT_CHANNEL = "cloudapi:accounts"


def put(credentials: Collection[Account]) -> None:
    """Create these accounts, or bring them to their present password and rights; sessions with an old one end.

    Returns when the broker has confirmed. Raises BrokerUnreachable when nothing answers (accounts are rendered again
    when the broker starts), BrokerAccessError when the broker refuses.
    """
    broker = adapter()
    if credentials and broker is not None:
        broker.put(accesses(credentials))
        usernames = [credential.username for credential in credentials]
        told.forget(usernames)
        announce(usernames)


def remove(usernames: Collection[str]) -> None:
    """Delete these accounts and end their sessions. Raises as `put`; an unknown account is no error."""
    broker = adapter()
    if usernames and broker is not None:
        broker.remove(usernames)
        told.forget(usernames)


def reconcile() -> Changes:
    """Bring all accounts of gateways in the running broker in line with our tables. Raises as `put`."""
    broker = adapter()
    if broker is None:
        return Changes([], [], [])
    found = broker.reconcile(all_accesses())
    broker.put_roles(accesses_of(found.strayed))
    created, changed, removed = found.changes
    changed += found.strayed
    told.forget([*created, *changed, *removed])
    announce([*created, *changed])
    return Changes(created, changed, removed)


def adapter() -> ModuleType | None:
    """The module that speaks to the broker, None for a broker that reads our tables by itself.

    Raises BrokerAccessError for an unknown kind.
    """
    if settings.MQTT_BROKER not in _ADAPTERS:
        raise BrokerAccessError(f'MQTT_BROKER is "{settings.MQTT_BROKER}"; it can be "dynsec", "emqx" or "amqtt".')
    return _ADAPTERS[settings.MQTT_BROKER]


def announce(usernames: Collection[str]) -> None:
    """Tell the keeper that others have put these accounts. Their rights were computed there, perhaps in a transaction
    that others do not see yet, so they are checked again; and one may have ended since, and is removed."""
    if usernames:
        after_commit(lambda: client().publish(PUT_CHANNEL, " ".join(usernames)))
