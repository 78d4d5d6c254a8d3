"""Devices that nobody had heard of: how many one gateway brings in, by topology and by binding."""

import pytest

from devices.models import Device
from devices.newcomers import NEW_PER_DAY
from mqtt_bridge.results import BIND_FAILED, TOPOLOGY_REFUSED
from tests.factories import Clock, bind, device, make_bound, make_code, make_gateway, send
from workspaces import services
from workspaces.models import AuditEntry, Workspace

OK, REFUSED = {"result": 0}, {"result": TOPOLOGY_REFUSED}


def named(text: str, number: int) -> list[str]:
    return [f"{text}{each}" for each in range(number)]


def update(gateway: str, *sns: str) -> dict[str, int]:
    data = {"sub_devices": [{"sn": sn, "domain": 0, "type": 91} for sn in sns]}
    return send(gateway, "update_topo", data, kind="status")


def lines(action: str, gateway: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action, gateway_sn=gateway).order_by("pk"))


def known() -> set[str]:
    return set(Device.objects.unscoped().values_list("sn", flat=True))


@pytest.mark.parametrize("is_bound", [True, False])
def test_a_gateway_brings_in_so_many_devices_a_day(ours: Workspace, clock: Clock, is_bound: bool) -> None:
    if is_bound:
        make_bound(ours, "DOCK")
    else:
        make_gateway(ours, "DOCK")
    assert update("DOCK", *named("A", NEW_PER_DAY - 2)) == OK
    before = known()
    for _again in range(2):
        assert update("DOCK", "A0", *named("B", 3)) == REFUSED
    assert known() == before
    assert update("DOCK", "A0", *named("B", 2)) == OK
    assert update("DOCK", "C") == REFUSED
    assert update("DOCK", *named("A", NEW_PER_DAY - 2)) == OK, "they are not new"
    assert device("A0").gateway == device("DOCK")
    told = lines("device.new", "DOCK")
    assert {line.target for line in told} == known() - {"DOCK"}
    assert len(told) == NEW_PER_DAY
    assert {(line.organization, line.workspace) for line in told} == {(ours.organization, ours if is_bound else None)}
    clock.forward(days=1, seconds=1)
    assert update("DOCK", "C") == OK


def test_each_gateway_has_a_number_of_its_own_and_is_not_counted_itself(ours: Workspace) -> None:
    make_bound(ours, "DOCK")
    Device.objects.bulk_create([Device(sn="SPARE")])
    assert update("DOCK", *named("A", NEW_PER_DAY - 1), "SPARE") == OK
    assert update("STRANGER", *named("B", NEW_PER_DAY)) == OK
    assert update("STRANGER", "B") == REFUSED
    assert update("DOCK", "LAST") == OK


def test_binding_brings_in_no_more(ours: Workspace) -> None:
    """A dock may repeat its binding for ever, and name others each time."""
    gateway, code = make_gateway(ours), make_code(ours)
    assert set(bind(gateway, code, ours.organization, [gateway, *named("A", 60)]).values()) == {0}
    before = known()
    assert set(bind(gateway, code, ours.organization, [gateway, *named("B", 5)]).values()) == {BIND_FAILED}
    assert known() == before
    assert set(bind(gateway, code, ours.organization, [gateway, *named("C", 4)]).values()) == {0}
    assert device("C3").workspace == ours
    assert update(gateway, "D") == REFUSED, "it is one number for both"


@pytest.mark.parametrize("why", ["no such code", "revoked", "of another organization", "names another dock"])
def test_a_binding_that_is_refused_leaves_no_device(ours: Workspace, theirs: Workspace, why: str) -> None:
    make_bound(theirs, "DOCK-B", "PLANE-B")
    gateway, other, code = make_gateway(ours), make_gateway(ours), make_code(ours)
    if why == "revoked":
        [row] = ours.bind_codes.filter(hint=code[-4:])
        services.revoke_bind_code(bind_code=row)
    also = {"of another organization": ["PLANE-B"], "names another dock": [other]}.get(why, [])
    before = known()
    answer = bind(gateway, "WRONG" if why == "no such code" else code, ours.organization, ["FRESH", *also])
    assert answer["FRESH"] == BIND_FAILED
    assert known() == before
    assert lines("device.new", gateway) == []
