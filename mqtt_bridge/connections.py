"""What follows from the broker's notices that clients came or went."""

from collections.abc import Sequence

from cloudapi.valkey import client, text
from devices import connections
from mqtt_bridge import broker_access, controllers
from mqtt_bridge.models import MqttCredential
from mqtt_bridge.reserved import UNPINNED_PREFIX
from workspaces import audit

#: Client id → SN of the gateway whose account connected with it.
CLIENTS_KEY = "cloudapi:clients"

#: (client id, user name of who connected or None for who is gone, our clock in ms)
Told = tuple[str, str | None, int]


def told(notices: Sequence[Told]) -> None:
    """Handle what the broker said within a moment. Handling it again does no harm. Raises BrokerAccessError."""
    usernames = {username for _client_id, username, _at in notices if username is not None}
    gateways = _gateways(usernames)
    for client_id, username, at in notices:
        if username is None:
            _disconnected(client_id, at)
        elif username in gateways:
            _connected(client_id, gateways[username], at)
    for client_id, username, at in notices:
        if username is not None and username.startswith(UNPINNED_PREFIX) and username not in gateways:
            controllers.pin(username=username, client_id=client_id)
            for gateway_sn in _gateways({username}).values():
                _connected(client_id, gateway_sn, at)
    _tie({(client_id, gateways[name]) for client_id, name, _at in notices if name is not None and name in gateways})


def _tie(connected: set[tuple[str, str]]) -> None:
    """Who came with another gateway's client id has ended that one's connection. It does so once: its session ends, and
    its account accepts no client id but its SN from now on."""
    odd = {client_id: gateway_sn for client_id, gateway_sn in connected if client_id != gateway_sn}
    accounts = MqttCredential.objects.unscoped()
    for victim in accounts.filter(gateway_sn__in=odd).values_list("gateway_sn", flat=True):
        intruder = accounts.filter(gateway_sn=odd[victim], is_tied=False).select_related("workspace").first()
        if intruder is None:
            continue
        intruder.is_tied = True
        broker_access.put([intruder])
        intruder.save(update_fields=["is_tied"])
        audit.record(
            "gateway.impersonated", target=victim, workspace=intruder.workspace, gateway_sn=intruder.gateway_sn
        )


def _gateways(usernames: set[str]) -> dict[str, str]:
    """User name → SN, for accounts whose gateway is known."""
    accounts = MqttCredential.objects.unscoped().filter(username__in=usernames)
    return dict(accounts.values_list("username", "gateway_sn"))


def _connected(client_id: str, gateway_sn: str, at: int) -> None:
    client().hset(CLIENTS_KEY, client_id, gateway_sn)
    connections.connected(gateway_sn, at)


def _disconnected(client_id: str, at: int) -> None:
    """One that connected before we listened is known by its client id, its SN (T10)."""
    known = client().hget(CLIENTS_KEY, client_id)
    if known is not None:
        connections.lost(text(known), at)
    elif MqttCredential.objects.unscoped().filter(gateway_sn=client_id).exists():
        connections.lost(client_id, at)
