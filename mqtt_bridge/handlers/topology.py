"""`update_topo`: which sub-devices a gateway has. Protocol: "Device management", "Device topology update"."""

from typing import Any

from devices import topology
from devices.topology import MAX_SUB_DEVICES, Product, SubDevice, Topology, TopologyRefused
from mqtt_bridge import refusals
from mqtt_bridge.context import Context
from mqtt_bridge.models import MqttCredential
from mqtt_bridge.payloads.dock import TopologySubDevice, UpdateTopo
from mqtt_bridge.payloads.fields import clean, number
from mqtt_bridge.results import OK, TOPOLOGY_REFUSED


def update_topo(context: Context, payload: UpdateTopo) -> dict[str, Any]:
    """Answered with 0 also when an older message changes nothing: an unanswered aircraft never reports (T6)."""
    update = Topology(
        gateway_sn=context.gateway_sn,
        product=_product(payload),
        sub_devices=[_sub_device(sub) for sub in payload.sub_devices],
        timestamp=context.timestamp,
        received_at=context.received_at,
    )
    accounts = MqttCredential.objects.unscoped().filter(gateway_sn__in=[sub.sn for sub in update.sub_devices])
    try:
        topology.apply(
            update,
            organization_pk=context.tenant_pk,
            gateways=set(accounts.values_list("gateway_sn", flat=True)),
        )
    except TopologyRefused as refusal:
        target = ", ".join(sub.sn for sub in update.sub_devices[:MAX_SUB_DEVICES])
        refusals.record(context, "topology.refused", refusal.kind, target=target, reason=str(refusal))
        return {"result": TOPOLOGY_REFUSED}
    return {"result": OK}


def _product(payload: UpdateTopo | TopologySubDevice) -> Product:
    return Product(
        domain=number(payload.domain, limit=2**8),
        type=number(payload.type),
        sub_type=number(payload.sub_type),
        thing_version=clean(payload.thing_version or "", 32),
    )


def _sub_device(sub: TopologySubDevice) -> SubDevice:
    return SubDevice(
        sn=sub.sn, product=_product(sub), channel_index=clean("" if sub.index is None else str(sub.index), 16)
    )
