"""What a topology update does. Protocol: "Device topology update" (`update_topo`).

A gateway says which sub-devices are connected to it now. Applying it again, late or out of order must end in the same
state as applying the newest one alone, whichever process does it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from devices import heard, live, newcomers, ownership, presence, products, timeline
from devices.models import Device, OfflineReason

#: A gateway has one aircraft, two at most; a message with more than this is an attack or a bug.
MAX_SUB_DEVICES = 64
#: Messages of one gateway overtake each other by seconds at most. Between two of which the one that came so much later
#: (ms) says that it is older, the gateway's clock was set back, and ours decides.
CLOCK_SET_BACK_MS = 60_000
_GATEWAYS = ("dock", "controller")


class TopologyRefused(Exception):
    """The gateway may not say this; nothing was changed. `str()` says why, for the audit trail; `kind` is the same word
    for whatever devices it names."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Product:
    """`domain`, `type`, `sub_type` and thing model version; None where the device left it out."""

    domain: int | None = None
    type: int | None = None
    sub_type: int | None = None
    thing_version: str = ""


@dataclass(frozen=True, slots=True)
class SubDevice:
    sn: str
    product: Product = Product()
    channel_index: str = ""


@dataclass(frozen=True, slots=True)
class Topology:
    """One topology update.

    timestamp: the gateway's clock in ms, None if it sent none. received_at: our clock in ms.
    """

    gateway_sn: str
    product: Product
    sub_devices: Sequence[SubDevice]
    timestamp: int | None
    received_at: int

    @property
    def sent_at(self) -> int:
        """A clock that runs ahead must not shut out what the gateway says after it was set right."""
        return min(self.timestamp or self.received_at, self.received_at)


@transaction.atomic
def apply(topology: Topology, *, organization_pk: int | None, gateways: Collection[str] = ()) -> bool:
    """Store a topology update if it is newer than what is stored; True if it was.

    `organization_pk` is the tenant of the gateway's broker account, for a gateway that is not bound yet. `gateways` are
    SNs among the sub-devices that have a broker account, so are gateways although their model may not be known yet.
    Raises TopologyRefused.
    """
    _check(topology, gateways)
    present = {sub.sn: sub for sub in topology.sub_devices}
    devices, new = _lock(topology, present)
    gateway = devices.pop(topology.gateway_sn)
    _check_owners(gateway, [devices[sn] for sn in present], organization_pk)
    if not newcomers.admit(gateway, new, organization_pk=organization_pk):
        raise TopologyRefused("new", f"more than {newcomers.NEW_PER_DAY} new devices in a day")
    if not _claim_newest(topology):
        return False
    at = heard.moment(topology.received_at)
    before = {device.sn: _shown(device) for device in (gateway, *devices.values())}
    _describe(gateway, topology.product)
    received_at = topology.received_at
    coming = [devices[sn] for sn, sub in present.items() if _attach(devices[sn], sub, gateway, received_at, at)]
    _detach(
        [device for device in devices.values() if device.sn not in present and device != gateway], gateway, topology, at
    )
    back = presence.named(gateway, coming, received_at=received_at)
    # Most updates repeat what is known, all of them when thousands of gateways reconnect at once.
    live.changed(sn for sn, device in {gateway.sn: gateway, **devices}.items() if _shown(device) != before[sn])
    live.changed(back)
    return True


def _shown(device: Device) -> tuple[object, ...]:
    """What an update may change, without who is online."""
    return device.gateway_id, device.workspace_id, device.domain, device.type, device.sub_type, device.thing_version


def _check(topology: Topology, gateways: Collection[str]) -> None:
    sns = [sub.sn for sub in topology.sub_devices]
    if len(sns) > MAX_SUB_DEVICES:
        raise TopologyRefused("too many", f"{len(sns)} sub-devices, more than {MAX_SUB_DEVICES}")
    if topology.gateway_sn in sns:
        raise TopologyRefused("itself", "the gateway names itself as its sub-device")
    for sub in topology.sub_devices:
        if sub.sn in gateways or products.kind(sub.product.domain) in _GATEWAYS:
            raise TopologyRefused("gateway", f"{sub.sn} is a gateway itself")


def _lock(topology: Topology, present: Iterable[str]) -> tuple[dict[str, Device], set[str]]:
    """The gateway, and every device that it names now or named before, locked; which of them are new."""
    before = Device.objects.unscoped().filter(gateway__sn=topology.gateway_sn).values_list("sn", flat=True)
    return newcomers.lock({topology.gateway_sn, *present}, before)


def _check_owners(gateway: Device, named: Iterable[Device], organization_pk: int | None) -> None:
    tenant = gateway.workspace.organization_id if gateway.workspace is not None else organization_pk
    for device in named:
        if device.workspace is not None and device.workspace.organization_id != tenant:
            raise TopologyRefused("foreign", f"{device.sn} belongs to another organization")
        if device.kind in _GATEWAYS:
            raise TopologyRefused("gateway", f"{device.sn} is a gateway itself")


def _claim_newest(topology: Topology) -> bool:
    """One conditional UPDATE decides, so that of several processes only one with the newest message goes on."""
    sent_at = topology.sent_at
    older = Q(topology_timestamp__isnull=True) | Q(topology_timestamp__lt=sent_at)
    same_but_later = Q(topology_timestamp=sent_at, topology_received_at__lte=topology.received_at)
    came_long_after = Q(topology_received_at__lt=topology.received_at - CLOCK_SET_BACK_MS)
    came_long_before = Q(topology_received_at__gt=topology.received_at + CLOCK_SET_BACK_MS)
    # What came in the future came before our own clock was set back.
    in_the_future = Q(topology_received_at__gt=heard.now_ms())
    return bool(
        Device.objects.unscoped()
        .filter(older | same_but_later | came_long_after | in_the_future, sn=topology.gateway_sn)
        .exclude(came_long_before & ~in_the_future)
        .update(topology_timestamp=sent_at, topology_received_at=topology.received_at)
    )


def _describe(device: Device, product: Product) -> None:
    """Keep what is known where the message leaves it out."""
    changed = []
    for field in ("domain", "type", "sub_type", "thing_version"):
        value = getattr(product, field)
        if value not in (None, "", getattr(device, field)):
            setattr(device, field, value)
            changed.append(field)
    if changed:
        device.save(update_fields=changed)


def _attach(device: Device, sub: SubDevice, gateway: Device, received_at: int, at: datetime) -> bool:
    """Put a sub-device behind the gateway, unless another gateway has named it since; True if it is there now."""
    if device.gateway_id != gateway.pk and _was_named_after(device, received_at):
        return False
    if device.gateway_id not in (None, gateway.pk):
        timeline.note([device], "moved_to_gateway", at, detail=gateway.sn)
    device.gateway = gateway
    device.channel_index = sub.channel_index
    device.topology_received_at = received_at
    device.save(update_fields=["gateway", "channel_index", "topology_received_at"])
    _describe(device, sub.product)
    if device.workspace is None and gateway.workspace is not None:
        ownership.join(device, gateway.workspace, by=f"gateway {gateway.sn}")
    return True


def _was_named_after(device: Device, received_at: int) -> bool:
    return received_at < (device.topology_received_at or 0) <= heard.now_ms()


def _detach(gone: Sequence[Device], gateway: Device, topology: Topology, at: datetime) -> None:
    """Take sub-devices away from the gateway. When they were named stays: what another gateway said in between but
    comes in later still counts."""
    leaving = [device for device in gone if not _was_named_after(device, topology.received_at)]
    for device in leaving:
        device.gateway = None
        device.channel_index = ""
        device.save(update_fields=["gateway", "channel_index"])
    presence.went_offline(leaving, OfflineReason.LEFT_GATEWAY, at=at, detail=gateway.sn)
