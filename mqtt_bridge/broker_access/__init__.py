"""Accounts and rights of gateways at the MQTT broker.

Our tables are the truth; this package brings a broker in line with them. What `settings.MQTT_BROKER` names does it:

- "dynsec": Mosquitto's dynamic security. `dynsec_file` writes all accounts into the file that the broker starts with,
  `dynsec` changes them in the running broker.
- "amqtt": the broker of `manage.py amqtt_broker` reads our tables at each login (`amqtt_plugin`), nothing is pushed.
"""

from collections.abc import Collection
from typing import NamedTuple

from django.conf import settings

from mqtt_bridge.broker_access import dynsec
from mqtt_bridge.broker_access.errors import BrokerAccessError, BrokerUnreachable
from mqtt_bridge.broker_access.roles import Account, accounts

__all__ = ["BrokerAccessError", "BrokerUnreachable", "Changes", "put", "reconcile", "remove"]


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
    if credentials and _is_pushed():
        dynsec.put(credentials)


def remove(usernames: Collection[str]) -> None:
    """Delete these accounts and end their sessions. Raises as `put`; an unknown account is no error."""
    if usernames and _is_pushed():
        dynsec.remove(usernames)


def reconcile() -> Changes:
    """Bring all accounts of gateways in the running broker in line with our tables. Raises as `put`."""
    if not _is_pushed():
        return Changes([], [], [])
    return Changes(*dynsec.reconcile(accounts()))


def _is_pushed() -> bool:
    if settings.MQTT_BROKER not in {"dynsec", "amqtt"}:
        raise BrokerAccessError(f'MQTT_BROKER is "{settings.MQTT_BROKER}"; it can be "dynsec" or "amqtt".')
    return bool(settings.MQTT_BROKER == "dynsec")
