"""What follows from a broker's notice that a client came or went."""

from cloudapi.valkey import client, text
from devices import connections
from mqtt_bridge import controllers
from mqtt_bridge.models import MqttCredential

#: Client id → SN of the gateway whose account connected with it.
CLIENTS_KEY = "cloudapi:clients"


def connected(*, username: str, client_id: str, at: int) -> None:
    """An account has connected at `at` (our clock, ms). Raises broker_access.BrokerAccessError."""
    if username.startswith(controllers.UNPINNED_PREFIX):
        controllers.pin(username=username, client_id=client_id)
    credential = MqttCredential.objects.unscoped().filter(username=username).first()
    if credential is None:
        return
    client().hset(CLIENTS_KEY, client_id, credential.gateway_sn)
    connections.connected(credential.gateway_sn, at)


def disconnected(*, client_id: str, at: int) -> None:
    """A client is gone since `at`. One that connected before we listened is known by its client id, its SN (T10)."""
    known = client().hget(CLIENTS_KEY, client_id)
    if known is not None:
        connections.lost(text(known), at)
    elif MqttCredential.objects.unscoped().filter(gateway_sn=client_id).exists():
        connections.lost(client_id, at)
