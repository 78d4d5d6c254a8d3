"""Accounts and rights of gateways at the MQTT broker.

Our tables are the truth; this package brings a broker in line with them. What `settings.MQTT_BROKER` names does it:

- "dynsec": Mosquitto's dynamic security. `dynsec_file` writes all accounts into the file that the broker starts with,
  `dynsec` changes them in the running broker.
- "emqx": EMQX asks over HTTP at each login and about each topic (`emqx_http`); `emqx` ends sessions by its REST API.
- "amqtt": the broker of `manage.py amqtt_broker` reads our tables at each login (`amqtt_plugin`), nothing is pushed.
"""

from collections.abc import Collection
from types import ModuleType
from typing import NamedTuple

from django.conf import settings

from mqtt_bridge.broker_access import dynsec, emqx
from mqtt_bridge.broker_access.errors import BrokerAccessError, BrokerUnreachable
from mqtt_bridge.broker_access.roles import Account, accounts

__all__ = ["BrokerAccessError", "BrokerUnreachable", "Changes", "put", "reconcile", "remove"]

_ADAPTERS: dict[str, ModuleType | None] = {"dynsec": dynsec, "emqx": emqx, "amqtt": None}


class Changes(NamedTuple):
    """What `reconcile` did: user names."""

    created: list[str]
    changed: list[str]
    removed: list[str]


def put(credentials: Collection[Account]) -> None:
    """Create these accounts, or bring them to their present password and rights; sessions with an old one end.

    Returns when the broker has confirmed. Raises BrokerUnreachable when nothing answers (accounts are rendered again
    when the broker starts), BrokerAccessError when the broker refuses.
    """
    adapter = _adapter()
    if credentials and adapter is not None:
        adapter.put(credentials)


def remove(usernames: Collection[str]) -> None:
    """Delete these accounts and end their sessions. Raises as `put`; an unknown account is no error."""
    adapter = _adapter()
    if usernames and adapter is not None:
        adapter.remove(usernames)


def reconcile() -> Changes:
    """Bring all accounts of gateways in the running broker in line with our tables. Raises as `put`."""
    adapter = _adapter()
    return Changes([], [], []) if adapter is None else Changes(*adapter.reconcile(accounts()))


def _adapter() -> ModuleType | None:
    """The module that speaks to the broker, None for a broker that reads our tables by itself."""
    if settings.MQTT_BROKER not in _ADAPTERS:
        raise BrokerAccessError(f'MQTT_BROKER is "{settings.MQTT_BROKER}"; it can be "dynsec", "emqx" or "amqtt".')
    return _ADAPTERS[settings.MQTT_BROKER]
