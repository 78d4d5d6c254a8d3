"""What a gateway may publish, subscribe to and receive: the topic rule, and how our tables decide it."""

import pytest
from pytest_django import DjangoAssertNumQueries

from devices import ownership
from mqtt_bridge.broker_access.access import accesses, all_accesses
from mqtt_bridge.broker_access.roles import Right, Role, allows, allows_early, gateway_role
from mqtt_bridge.models import MqttCredential
from tests.factories import bind, device, make_bound, make_code, make_gateway, make_workspace, report_topology
from tests.gateway_rule import rule
from workspaces.models import Workspace

GATEWAY, AIRCRAFT, OTHER = "7CTDM3D00B2X4P", "1581F5BKD22AIR", "7CTDM3D00OTHER"


@pytest.mark.parametrize(("right", "topic", "before", "bound", "with_aircraft"), rule(GATEWAY, AIRCRAFT, OTHER))
def test_the_rule(right: Right, topic: str, before: bool, bound: bool, with_aircraft: bool) -> None:
    roles = [
        gateway_role(GATEWAY, username="u", bound=False, sub_devices=[AIRCRAFT]),
        gateway_role(GATEWAY, username="u", bound=True),
        gateway_role(GATEWAY, username="u", bound=True, sub_devices=[AIRCRAFT]),
    ]
    assert [allows([role], right, topic) for role in roles] == [before, bound, with_aircraft]


@pytest.mark.parametrize("bound", [False, True])
def test_replies_for_a_sub_device_may_be_subscribed_to_before_it_is_known(bound: bool) -> None:
    """Where each delivery is checked; a role holds these apart for brokers that do not."""
    role = gateway_role(GATEWAY, username="u", bound=bound)
    for kind, granted in (
        ("state_reply", True),
        ("events_reply", True),
        ("osd", False),
        ("services", False),
        ("#", False),
    ):
        assert allows_early([role], f"thing/product/{OTHER}/{kind}") is granted
        assert not allows([role], "subscribe", f"thing/product/{OTHER}/{kind}")
        assert not allows([role], "receive", f"thing/product/{OTHER}/{kind}")


# --- by our tables ----------------------------------------------------------------------------------------------------
def role_of(gateway_sn: str) -> Role:
    [access] = accesses(MqttCredential.objects.unscoped().filter(gateway_sn=gateway_sn))
    return access.role


def expected(gateway_sn: str, *sub_devices: str, bound: bool = True) -> Role:
    return gateway_role(gateway_sn, username=gateway_sn, bound=bound, sub_devices=sub_devices)


@pytest.mark.django_db
def test_binding_and_release(ours: Workspace) -> None:
    make_gateway(ours, "DOCK")
    report_topology("DOCK", "PLANE")
    assert role_of("DOCK") == expected("DOCK", bound=False)
    assert bind("DOCK", make_code(ours), ours.organization) == {"DOCK": 0}
    assert role_of("DOCK") == expected("DOCK", "PLANE")
    ownership.release(device=device("DOCK"))
    assert role_of("DOCK") == expected("DOCK", bound=False)


@pytest.mark.django_db
def test_what_the_topology_gives_and_takes(ours: Workspace) -> None:
    make_bound(ours, "DOCK-A")
    make_bound(ours, "DOCK-B")
    report_topology("DOCK-A", "PLANE", "SPARE")
    assert role_of("DOCK-A") == expected("DOCK-A", "PLANE", "SPARE")
    report_topology("DOCK-B", "PLANE")
    assert (role_of("DOCK-A"), role_of("DOCK-B")) == (expected("DOCK-A", "SPARE"), expected("DOCK-B", "PLANE"))
    report_topology("DOCK-A")
    report_topology("DOCK-B")
    assert (role_of("DOCK-A"), role_of("DOCK-B")) == (expected("DOCK-A"), expected("DOCK-B"))


@pytest.mark.django_db
def test_silence_takes_no_right(ours: Workspace) -> None:
    make_bound(ours, "DOCK")
    report_topology("DOCK", "PLANE")
    type(device("DOCK")).objects.unscoped().update(online=False, offline_reason="silent")
    assert role_of("DOCK") == expected("DOCK", "PLANE")


@pytest.mark.django_db
def test_an_aircraft_that_is_not_the_tenant_s_gives_no_right(ours: Workspace, theirs: Workspace) -> None:
    make_bound(ours, "DOCK")
    report_topology("DOCK", "PLANE", "SPARE")
    ownership.release(device=device("PLANE"))
    assert role_of("DOCK") == expected("DOCK", "SPARE")
    ownership.claim(sns=["PLANE"], workspace=theirs)
    assert role_of("DOCK") == expected("DOCK", "SPARE")
    ownership.release(device=device("PLANE"))
    ownership.claim(sns=["PLANE"], workspace=make_workspace(ours.organization))
    assert role_of("DOCK") == expected("DOCK", "PLANE", "SPARE"), "another workspace of the same organization"


@pytest.mark.django_db
def test_an_account_of_another_organization_than_its_gateway_may_nothing(ours: Workspace, theirs: Workspace) -> None:
    make_gateway(ours, "DOCK")
    ownership.claim(sns=["DOCK"], workspace=theirs)
    assert role_of("DOCK") == Role("gateway:DOCK")


@pytest.mark.django_db
def test_two_thousand_accounts_take_few_queries(
    ours: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    sns = [f"DOCK-{number:04}" for number in range(2000)]
    MqttCredential.objects.bulk_create(MqttCredential(username=sn, gateway_sn=sn, workspace=ours) for sn in sns)
    ownership.claim(sns=sns[:10], workspace=ours)
    with django_assert_max_num_queries(11):
        assert len(all_accesses()) == 2000
