"""Codes that are refused, and guessing them."""

import json
import time
from typing import Any

import pytest

from tests.live.dock_requests.asking import GET_REFUSED, MALFORMED, WRONG, ask, unbound
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos, new_sn
from tests.platform import Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live


def test_no_refused_code_says_why(acme: Tenant, other: Tenant, code: str, platform: Platform) -> None:
    used_up, revoked = acme.codes(1, 1)
    platform.manage("revoke_bind_code", revoked)
    expired, expired_by = acme.code(docks=9, hours=0.4 / 3600), time.monotonic() + 0.4
    others = other.code()
    with acme.dock() as first:
        assert err_infos(first.request("airport_organization_bind", acme.bind_data(used_up, first.sn)))[0][1] == 0
    wrong = {
        "unknown": (WRONG, acme.organization_id),
        "expired": (expired, acme.organization_id),
        "used up": (used_up, acme.organization_id),
        "revoked": (revoked, acme.organization_id),
        "wrong organization ID": (code, "100000000"),
        "ID of another organization": (code, other.organization_id),
        "code of another organization": (others, other.organization_id),
        "code of another organization with our ID": (others, acme.organization_id),
        "empty": ("", ""),
    }
    aircraft = new_sn("AIR")
    cases = list(wrong.items())
    sns = []
    wait_until(lambda: time.monotonic() > expired_by, "expired")
    for start in range(0, len(cases), 2):  # four wrong codes of a gateway don't lock it out yet
        with acme.dock() as dock:
            sns.append(dock.sn)
            for why, (tried, organization_id) in cases[start : start + 2]:
                get = {"device_binding_code": tried, "organization_id": organization_id}
                assert ask(dock, dock.requests, "airport_organization_get", get) == GET_REFUSED, why
                bind = acme.bind_data(tried, aircraft, dock.sn, organization_id=organization_id)
                answer = ask(dock, dock.requests, "airport_organization_bind", bind)
                assert err_infos(answer) == [(aircraft, 210231), (dock.sn, 210231)], why
            asked = {"devices": [{"sn": dock.sn}, {"sn": aircraft}]}
            rows = dock.request("airport_bind_status", asked)["output"]["bind_status"]
            assert rows == [unbound(dock.sn), unbound(aircraft)]
    assert not platform.manage("device", sns[0])["bound"]


def test_a_code_ends_with_its_time_in_fractions_of_hours(acme: Tenant) -> None:
    code = acme.code(docks=9, hours=4 / 3600)
    with acme.dock() as dock:
        assert dock.request("airport_organization_get", acme.get_data(code))["result"] == 0
        wait_until(
            lambda: dock.request("airport_organization_get", acme.get_data(code)) == GET_REFUSED, "expired", 8, 1
        )


@pytest.mark.parametrize("typed", [str.lower, lambda code: f" {code[:4]}-{code[4:8]} {code[8:]} "])
def test_a_code_may_be_typed_carelessly(acme: Tenant, code: str, other_dock: Gateway, typed: Any) -> None:
    with acme.dock() as dock:
        get = {"device_binding_code": typed(code), "organization_id": int(acme.organization_id)}
        assert dock.request("airport_organization_get", get)["result"] == 0


@pytest.mark.parametrize(
    ("method", "data"),
    [
        ("airport_organization_get", None),
        ("airport_organization_get", {"device_binding_code": WRONG}),
        ("airport_organization_get", {"device_binding_code": 7, "organization_id": "1"}),
        ("airport_organization_bind", {"bind_devices": []}),
        ("airport_organization_bind", {"bind_devices": None}),
        ("airport_organization_bind", {"bind_devices": [None]}),
        ("airport_organization_bind", {"bind_devices": [{"sn": "A", "organization_id": "1"}]}),
        ("airport_organization_bind", [1, 2]),
    ],
)
def test_a_malformed_claim_is_refused(other_dock: Gateway, method: str, data: Any) -> None:
    assert ask(other_dock, other_dock.requests, method, data) == MALFORMED


def test_five_wrong_codes_lock_a_gateway_out(acme: Tenant, code: str) -> None:
    with acme.dock() as dock, acme.dock() as neighbour:
        wrong_get, right_get = acme.get_data(WRONG), acme.get_data(code)
        for _ in range(2):
            assert dock.request("airport_organization_get", wrong_get) == GET_REFUSED
            wrong_bind = acme.bind_data(WRONG, dock.sn)
            assert err_infos(dock.request("airport_organization_bind", wrong_bind)) == [(dock.sn, 210231)]
        malformed: list[Any] = [None, {}, [], {"device_binding_code": WRONG}]
        for data in malformed:  # not counted
            assert dock.request("airport_organization_get", data) == MALFORMED
        assert dock.request("airport_organization_get", right_get)["result"] == 0

        fifth = dock.send(dock.requests, "airport_organization_get", wrong_get)
        assert dock.answers(fifth)[0].data == GET_REFUSED
        assert dock.request("airport_organization_get", right_get) == GET_REFUSED
        right_bind = acme.bind_data(code, dock.sn)
        assert err_infos(dock.request("airport_organization_bind", right_bind)) == [(dock.sn, 210231)]
        # It is still told about itself, and its neighbour is not affected.
        assert dock.request("airport_bind_status", {"devices": [{"sn": dock.sn}]})["result"] == 0
        assert neighbour.request("airport_organization_get", right_get)["result"] == 0


def test_a_wrong_code_that_is_sent_again_counts_once(acme: Tenant, code: str) -> None:
    with acme.dock() as dock:
        sent = dock.send(dock.requests, "airport_organization_get", acme.get_data(WRONG))
        for _ in range(5):
            dock.publish(dock.requests, json.dumps(sent))
        assert {reply.text.count("210230") for reply in dock.answers(sent, 6)} == {1}
        assert dock.request("airport_organization_get", acme.get_data(code))["result"] == 0


def test_fifty_wrong_codes_lock_the_organization(platform: Platform, acme: Tenant, code: str) -> None:
    guessed = Tenant(platform, "Guessed", docks=12)
    right_code = guessed.code(docks=5)
    for _ in range(10):
        with guessed.dock() as dock:
            sent = [dock.send(dock.requests, "airport_organization_get", guessed.get_data(WRONG)) for _ in range(5)]
            assert [dock.answers(one)[0].data for one in sent] == [GET_REFUSED] * 5
    with guessed.dock() as innocent:
        assert innocent.request("airport_organization_get", guessed.get_data(right_code)) == GET_REFUSED
    with acme.dock() as elsewhere:
        assert elsewhere.request("airport_organization_get", acme.get_data(code))["result"] == 0
