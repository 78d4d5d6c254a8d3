"""Who asks: the context that a handler gets."""

from dataclasses import dataclass
from functools import cached_property

from devices.models import Device
from mqtt_bridge.models import MqttCredential
from mqtt_bridge.results import NOT_REGISTERED
from workspaces.models import Organization


class Refused(Exception):
    """A handler refuses a request; nothing that it wrote stays. Answered with `result`."""

    def __init__(self, result: int, reason: str) -> None:
        super().__init__(reason)
        self.result = result


@dataclass(frozen=True)
class Context:
    """One uplink message. The tenant comes from the topic's SN through our tables, never from the payload.

    tenant_pk: the primary key of the gateway's organization. timestamp: the device's clock in ms, None if unusable.
    received_at: our clock in ms.
    """

    gateway_sn: str
    tenant_pk: int | None
    timestamp: int | None
    received_at: int

    @cached_property
    def tenant(self) -> Organization | None:
        """The organization of the gateway; None for a gateway that has neither an account nor an owner."""
        return None if self.tenant_pk is None else Organization.objects.get(pk=self.tenant_pk)

    @property
    def organization(self) -> Organization:
        """The tenant of a gateway that has one. Raises Refused for any other."""
        if self.tenant is None:
            raise Refused(NOT_REGISTERED, "the gateway has no MQTT credential")
        return self.tenant


def tenant_of(gateway_sn: str, *, lock: bool) -> int | None:
    """The primary key of a gateway's organization: that of its broker account, else of the workspace it is bound to.

    `lock` needs a transaction: it locks the account's row, so that requests of one gateway are handled one at a time
    and wrong bind codes are counted exactly. Every request pays for this, so it reads a number and builds no models.
    """
    accounts = MqttCredential.objects.unscoped().filter(gateway_sn=gateway_sn)
    devices = Device.objects.unscoped().filter(sn=gateway_sn, workspace__isnull=False)
    for found in (accounts.select_for_update(of=("self",)) if lock else accounts, devices):
        for (organization_pk,) in found.order_by().values_list("workspace__organization_id"):
            return int(organization_pk)
    return None
