"""`update_topo` through the real broker, worker, Celery and PostgreSQL, as docks and controllers send it."""

import time
from typing import Any

import pytest

from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, devices, err_infos, new_sn, server_account, shell
from tests.platform import Platform

pytestmark = pytest.mark.live

OK, MALFORMED, REFUSED = {"result": 0}, {"result": 210002}, {"result": 210234}
M3TD: dict[str, Any] = {"domain": "0", "type": 91, "sub_type": 1, "index": "A", "thing_version": "1.2.0"}
DOCK2: dict[str, Any] = {"domain": "3", "type": 2, "sub_type": 0, "thing_version": "1.2.0"}


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=12)


@pytest.fixture(scope="module")
def other(platform: Platform) -> Tenant:
    return Tenant(platform, "Other", docks=2)


@pytest.fixture(scope="module")
def code(acme: Tenant) -> str:
    return acme.code(docks=50)


def topology(*sns: str, **of_each: Any) -> dict[str, Any]:
    return {**DOCK2, "sub_devices": [{"sn": sn, **M3TD, **of_each} for sn in sns]}


def bind(acme: Tenant, code: str, dock: Gateway, *sns: str) -> None:
    answer = err_infos(dock.request("airport_organization_bind", acme.bind_data(code, dock.sn, *sns)))
    assert {error for _sn, error in answer} == {0}


def test_envelope_of_both_topics(acme: Tenant) -> None:
    """RC pages of the documents print `thing/product/{gw}/status`; the answer comes where devices listen."""
    with acme.dock() as dock:
        for topic in (dock.status, f"thing/product/{dock.sn}/status"):
            sent = dock.send(topic, "update_topo", topology())
            [reply] = dock.answers(sent)
            assert reply.topic == f"sys/product/{dock.sn}/status_reply"
            assert set(reply.body) == {"tid", "bid", "method", "timestamp", "data"}
            assert (reply.body["tid"], reply.body["bid"], reply.body["method"]) == (
                sent["tid"], sent["bid"], "update_topo",
            )  # fmt: skip
            assert reply.data == OK


def test_an_aircraft_joins_leaves_and_returns(acme: Tenant, code: str, platform: Platform) -> None:
    aircraft = new_sn("AIR")
    with acme.dock() as dock:
        bind(acme, code, dock)
        assert dock.topology(topology(aircraft)) == OK
        [joined] = devices(platform, aircraft)
        assert dock.topology(topology()) == OK
        left, gateway = devices(platform, aircraft, dock.sn)
        assert dock.topology(topology(aircraft)) == OK
        [returned] = devices(platform, aircraft)
    # It was owned by nobody, so it joined its gateway's workspace.
    assert (joined["workspace_id"], joined["gateway_sn"]) == (acme.workspace_id, dock.sn)
    assert (joined["online"], joined["model_key"], joined["kind"]) == (True, "0-91-1", "aircraft")
    assert (left["online"], left["offline_reason"], left["gateway_sn"]) == (False, "left_gateway", None)
    assert left["workspace_id"] == acme.workspace_id
    assert (gateway["online"], gateway["model_key"]) == (True, "3-2-0")
    assert (returned["online"], returned["offline_reason"], returned["gateway_sn"]) == (True, None, dock.sn)


def test_numbers_as_text_missing_fields_and_unknown_models(acme: Tenant, code: str, platform: Platform) -> None:
    typed, bare, unknown, strange = (new_sn("AIR") for _ in range(4))
    with acme.dock() as dock:
        bind(acme, code, dock)
        subs: list[dict[str, Any]] = [
            {"sn": typed, "domain": 0, "type": "91", "sub_type": "1", "index": "B"},
            {"sn": bare},
            {"sn": unknown, "domain": 0, "type": 999, "sub_type": 7, "index": 1, "field_of_2099": {"deep": [1]}},
            {"sn": strange, "domain": "x", "type": -1, "sub_type": None, "index": None, "thing_version": None},
        ]
        # Without anything about the gateway itself, which keeps the model that its account was made for.
        assert dock.topology({"sub_devices": subs}) == OK
        shown = devices(platform, typed, bare, unknown, strange, dock.sn)
    keys = [device["model_key"] for device in shown]
    assert keys[0] == "0-91-1"
    assert keys[1] is None
    assert keys[2] == "0-999-7"
    assert keys[4] == "3-2-0"
    assert {device["gateway_sn"] for device in shown[:4]} == {dock.sn}
    assert all(device["online"] for device in shown)


def test_an_aircraft_that_appears_at_another_gateway_leaves_the_first(
    acme: Tenant, code: str, platform: Platform
) -> None:
    aircraft, stays = new_sn("AIR"), new_sn("AIR")
    with acme.dock() as first, Gateway(acme.accounts(1, "2-119-0", "RC")[0]) as controller:
        bind(acme, code, first)
        assert first.topology(topology(aircraft, stays)) == OK
        rc = {"domain": "2", "type": 119, "sub_type": 0, "sub_devices": [{"sn": aircraft, **M3TD}]}
        assert controller.topology(rc) == OK
        moved, other = devices(platform, aircraft, stays)
        # Telling it once more doesn't help the first one against what came later: only a newer message does.
        assert first.topology(topology(stays)) == OK
        [still] = devices(platform, aircraft)
    assert (moved["gateway_sn"], moved["online"], moved["workspace_id"]) == (controller.sn, True, acme.workspace_id)
    assert (other["gateway_sn"], other["online"]) == (first.sn, True)
    assert (still["gateway_sn"], still["online"]) == (controller.sn, True)


def test_an_older_message_changes_nothing(acme: Tenant, code: str, platform: Platform) -> None:
    aircraft, earlier = new_sn("AIR"), new_sn("AIR")
    now = time.time_ns() // 1_000_000
    with acme.dock() as dock:
        bind(acme, code, dock)
        assert dock.topology(topology(aircraft), timestamp=now - 1_000) == OK
        assert dock.topology(topology(), timestamp=now - 5_000) == OK
        assert dock.topology(topology(earlier), timestamp=now - 60_000) == OK
        shown, old = devices(platform, aircraft, earlier)
        assert (shown["gateway_sn"], shown["online"]) == (dock.sn, True)
        assert (old["gateway_sn"], old["online"], old["bound"]) == (None, False, False)
        # A clock that ran ahead, and was set right, doesn't shut out what comes after it.
        assert dock.topology(topology(aircraft), timestamp=now + 86_400_000) == OK
        assert dock.topology(topology(), timestamp=str(time.time_ns() // 1_000_000)) == OK
        [shown] = devices(platform, aircraft)
    assert (shown["gateway_sn"], shown["offline_reason"]) == (None, "left_gateway")


def test_an_unclaimed_gateway_is_remembered_until_it_binds(acme: Tenant, code: str, platform: Platform) -> None:
    aircraft = new_sn("AIR")
    with acme.dock() as dock:
        assert dock.topology(topology(aircraft)) == OK
        before = devices(platform, dock.sn, aircraft)
        bind(acme, code, dock)  # names the dock alone; the aircraft behind it comes along
        after = devices(platform, dock.sn, aircraft)
    assert [(device["bound"], device["workspace_id"]) for device in before] == [(False, None)] * 2
    assert before[1]["gateway_sn"] == dock.sn
    assert [device["workspace_id"] for device in after] == [acme.workspace_id] * 2


def test_a_gateway_without_account_or_owner_is_answered(platform: Platform) -> None:
    with Gateway(server_account(platform, new_sn("NEW"))) as gateway:
        assert gateway.topology(topology(new_sn("AIR"))) == OK
        [shown] = devices(platform, gateway.sn)
        assert (shown["bound"], shown["kind"], shown["model_key"]) == (False, "dock", "3-2-0")
        # It belongs to nobody, so there is no organization to speak for.
        data = {"config_type": "json", "config_scope": "product"}
        assert gateway.request("config", data) == {"result": 210001}


def test_a_device_of_another_organization_is_refused_and_audited(
    acme: Tenant, code: str, other: Tenant, platform: Platform
) -> None:
    ours, fresh = new_sn("AIR"), new_sn("AIR")
    with acme.dock() as dock, other.dock() as thief:
        bind(acme, code, dock, ours)
        assert dock.topology(topology(ours)) == OK
        refused = [
            topology(fresh, ours),
            topology(*(new_sn("AIR") for _ in range(65))),
            topology(thief.sn),  # itself
            topology(dock.sn),  # another gateway
        ]
        assert [thief.topology(data) for data in refused] == [REFUSED] * 4
        [shown] = devices(platform, ours)
        assert (shown["gateway_sn"], shown["workspace_id"]) == (dock.sn, acme.workspace_id)
        audited = shell(
            platform,
            f"""
from workspaces.models import AuditEntry
from devices.models import Device
import json
print(json.dumps([
    AuditEntry.objects.filter(action="topology.refused", gateway_sn="{thief.sn}").count(),
    Device.objects.unscoped().filter(sn="{fresh}").count(),
]))
""",
        )
        assert audited == [4, 0]
        assert thief.topology(topology(*(new_sn("AIR") for _ in range(64)))) == OK


@pytest.mark.parametrize(
    "data",
    [None, [], "text", 7, {"sub_devices": None}, {"sub_devices": {}}, {"sub_devices": [None]},
     {"sub_devices": [{"type": 91}]}, {"sub_devices": [{"sn": None}]}, {"sub_devices": [{"sn": "a b"}]},
     {"sub_devices": [{"sn": "A", "type": {}}]}, {"domain": [], "sub_devices": []}],
)  # fmt: skip
def test_a_malformed_topology_is_answered(listener: Gateway, data: Any) -> None:
    assert listener.topology(data) == MALFORMED


@pytest.fixture(scope="module")
def listener(acme: Tenant) -> Any:
    with acme.dock() as dock:
        yield dock
