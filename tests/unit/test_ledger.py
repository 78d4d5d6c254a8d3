"""The ledger: a repeated request gets the stored reply and has no second effect."""

from datetime import timedelta

import pytest

from mqtt_bridge import ledger
from mqtt_bridge.models import HandledRequest
from tests.factories import (
    Clock,
    bind,
    bind_data,
    code_row,
    make_bound,
    make_code,
    make_gateway,
    organization_get,
    send,
    wrong_codes,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
ZERO = "00000000-0000-0000-0000-000000000000"


def test_a_repeat_gets_the_stored_reply_whatever_changed_since(ours: Workspace) -> None:
    gateway = make_gateway(ours)
    code, organization_id = make_code(ours), ours.organization.organization_id
    first = organization_get(gateway, code, organization_id, tid="t", bid="b")
    code_row(code).delete()
    assert organization_get(gateway, code, organization_id, tid="t", bid="b") == first
    assert organization_get(gateway, code, organization_id, tid="t2", bid="b")["result"] != 0


@pytest.mark.parametrize("differs", ["tid", "bid", "data", "gateway"])
def test_another_id_question_or_gateway_is_another_request(ours: Workspace, differs: str) -> None:
    gateway, other = make_gateway(ours), make_gateway(ours)
    organization_id = ours.organization.organization_id
    organization_get(gateway, "WRONG", organization_id, tid="t", bid="b")
    organization_get(
        other if differs == "gateway" else gateway,
        "WORSE" if differs == "data" else "WRONG",
        organization_id,
        tid="t2" if differs == "tid" else "t",
        bid="b2" if differs == "bid" else "b",
    )
    assert wrong_codes() == 2


@pytest.mark.parametrize(("tid", "bid"), [(ZERO, ZERO), ("", ZERO), ("0", "-"), (ZERO, "")])
def test_all_zero_ids_identify_nothing(ours: Workspace, tid: str, bid: str) -> None:
    gateway = make_gateway(ours)
    for _question in range(2):
        organization_get(gateway, "WRONG", ours.organization.organization_id, tid=tid, bid=bid)
    assert wrong_codes() == 2
    assert not HandledRequest.objects.exists()


def test_one_id_is_enough(ours: Workspace) -> None:
    gateway = make_gateway(ours)
    for _question in range(2):
        organization_get(gateway, "WRONG", ours.organization.organization_id, tid=ZERO, bid="b")
    assert wrong_codes() == 1


def test_a_repeated_bind_uses_the_code_up_once(ours: Workspace) -> None:
    gateway, code = make_gateway(ours), make_code(ours, docks=5)
    for _repeat in range(3):
        assert bind(gateway, code, ours.organization, tid="t", bid="b") == {gateway: 0}
    assert code_row(code).used_docks == 1
    assert HandledRequest.objects.count() == 1


def test_ids_at_the_limit_of_the_columns_are_kept_and_longer_ones_are_not_ids(ours: Workspace) -> None:
    gateway = make_gateway(ours)
    organization_get(gateway, "WRONG", ours.organization.organization_id, tid="飞" * 128, bid="b" * 128)
    organization_get(gateway, "WRONG", ours.organization.organization_id, tid="t" * 129, bid="b")
    assert sorted(HandledRequest.objects.values_list("tid", flat=True)) == ["", "飞" * 128]


def test_secrets_and_answers_that_change_nothing_are_not_kept(ours: Workspace) -> None:
    make_bound(ours, "DOCK-A")
    HandledRequest.objects.all().delete()
    code = make_code(ours)
    send("DOCK-A", "config", {"config_type": "json", "config_scope": "product"})
    send("DOCK-A", "airport_bind_status", {"devices": [{"sn": "DOCK-A"}]})
    send("DOCK-A", "update_topo", {"sub_devices": []}, kind="status")
    send("DOCK-A", "method_of_2099", {})
    assert not HandledRequest.objects.exists()
    send("DOCK-A", "airport_organization_bind", bind_data(code, ours.organization.organization_id, ["DOCK-A"]))
    assert code not in str(list(HandledRequest.objects.values()))


def test_a_refused_request_is_not_kept(ours: Workspace) -> None:
    send(make_gateway(ours), "airport_organization_bind", None)
    assert not HandledRequest.objects.exists()


def test_replies_are_forgotten_after_a_day(ours: Workspace, clock: Clock) -> None:
    bind(make_gateway(ours), make_code(ours), ours.organization)
    assert ledger.prune(clock.now + timedelta(days=1)) == 0
    assert ledger.prune(clock.now + timedelta(days=1, seconds=1)) == 1
