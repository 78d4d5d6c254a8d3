"""Who asks: the context that a handler gets."""

from dataclasses import dataclass

from devices.models import Device
from mqtt_bridge.models import MqttCredential
from mqtt_bridge.results import NOT_REGISTERED
from workspaces.models import Organization


class Refused(Exception):
    """A handler refuses a request; nothing that it wrote stays. Answered with `result`."""

    def __init__(self, result: int, reason: str) -> None:
        super().__init__(reason)
        self.result = result


@dataclass(frozen=True, slots=True)
class Context:
    """One uplink message. The tenant comes from the topic's SN through our tables, never from the payload.

    timestamp: the device's clock in ms, None if unusable. received_at: our clock in ms.
    """

    gateway_sn: str
    tenant: Organization | None
    timestamp: int | None
    received_at: int

    @property
    def organization(self) -> Organization:
        """The tenant of a gateway that has a broker account. Raises Refused for any other."""
        if self.tenant is None:
            raise Refused(NOT_REGISTERED, "the gateway has no MQTT credential")
        return self.tenant


def tenant_of(gateway_sn: str) -> Organization | None:
    """The organization of a gateway: that of its broker account, else that of the workspace it is bound to.

    Must run in a transaction: it locks the account's row, so that requests of one gateway are handled one at a time and
    wrong bind codes are counted exactly.
    """
    credential = (
        MqttCredential.objects.unscoped()
        .filter(gateway_sn=gateway_sn)
        .select_for_update(of=("self",))
        .select_related("workspace__organization")
        .first()
    )
    if credential is not None:
        return credential.workspace.organization
    device = Device.objects.unscoped().filter(sn=gateway_sn).select_related("workspace__organization").first()
    return device.workspace.organization if device is not None and device.workspace is not None else None
