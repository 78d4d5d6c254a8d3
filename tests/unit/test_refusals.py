"""What a gateway was refused, in the audit trail, whose lines stay for ever."""

from cloudapi.valkey import client
from mqtt_bridge import counters, refusals
from mqtt_bridge.results import BOUND_TO_ANOTHER_ORGANIZATION, TOPOLOGY_REFUSED
from tests.factories import bind, make_bound, make_code, make_gateway, send
from workspaces.models import AuditEntry, Workspace


def refused(gateway: str, sn: str) -> bool:
    """Whether the gateway may not name this sub-device."""
    return send(gateway, "update_topo", {"sub_devices": [{"sn": sn}]}, kind="status") == {"result": TOPOLOGY_REFUSED}


def lines(action: str, gateway: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action, gateway_sn=gateway).order_by("pk"))


def test_a_gateway_s_refusals_of_a_kind_are_one_line_for_a_while(ours: Workspace, theirs: Workspace) -> None:
    make_bound(ours, "DOCK-A")
    make_bound(ours, "DOCK-C")
    make_bound(theirs, "DOCK-B", "PLANE-B", "PLANE-D")
    for sn in ("PLANE-B", "PLANE-B", "PLANE-D", "DOCK-A", "DOCK-B", "DOCK-C"):
        assert refused("DOCK-A", sn)
    assert [line.target for line in lines("topology.refused", "DOCK-A")] == ["PLANE-B", "DOCK-A", "DOCK-B"]
    assert counters.all_counts()["tasks"]["topology.refused"] == 6
    assert refused("DOCK-C", "PLANE-B")
    assert len(lines("topology.refused", "DOCK-C")) == 1
    notes = list(client().scan_iter("cloudapi:refused:topology.refused:*:DOCK-A"))
    assert all(0 < client().ttl(note) <= refusals.QUIET_SECONDS for note in notes)
    assert client().delete(*notes) == 3, "as if the while were over"
    assert refused("DOCK-A", "PLANE-D")
    assert len(lines("topology.refused", "DOCK-A")) == 4


def test_bindings_that_name_what_others_own_are_one_line_too(ours: Workspace, theirs: Workspace) -> None:
    make_bound(theirs, "DOCK-B", "PLANE-B")
    gateway, code = make_gateway(ours), make_code(ours)
    for _again in range(3):
        answer = bind(gateway, code, ours.organization, [gateway, "PLANE-B"])
        assert answer["PLANE-B"] == BOUND_TO_ANOTHER_ORGANIZATION
    assert len(lines("device.bind_refused", gateway)) == 1


def test_without_valkey_every_refusal_is_a_line(db: None, valkey_down: None) -> None:
    for _again in range(2):
        assert refused("DOCK", "DOCK")
    assert len(lines("topology.refused", "DOCK")) == 2
