"""A foreign client binds a dock and sees every reply that the README's table of requests promises."""

import json
import time
from typing import Any

import pytest

from tests.live.foreign_client import Gateway, Reply
from tests.live.tenants import Tenant, devices, err_infos, new_sn, shell
from tests.platform import Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live

GET_REFUSED = {"result": 210230}
MALFORMED = {"result": 210002}
UNSUPPORTED = {"result": 210003}
WRONG = "ZZZZZZZZZZZZ"


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=24)


@pytest.fixture(scope="module")
def other(platform: Platform) -> Tenant:
    """Another organization."""
    return Tenant(platform, "Other", docks=4)


@pytest.fixture(scope="module")
def code(acme: Tenant) -> str:
    """A code of acme for many docks."""
    return acme.code(docks=50)


def checked(reply: Reply, sent: dict[str, Any], topic: str) -> Any:
    """The `data` of a reply whose envelope is as the README says."""
    copied = ("tid", "bid", "method", *(["gateway"] if "gateway" in sent else []))
    assert reply.topic == f"{topic}_reply"
    assert set(reply.body) == {*copied, "timestamp", "data"}
    assert {key: reply.body[key] for key in copied} == {key: sent[key] for key in copied}
    assert type(reply.body["timestamp"]) is int
    assert sent["timestamp"] - 1 <= reply.body["timestamp"] <= reply.at + 1
    assert "null" not in reply.text
    return reply.data


def ask(device: Gateway, topic: str, method: str, data: Any, **more: Any) -> Any:
    sent = device.send(topic, method, data, **more)
    return checked(device.answers(sent)[0], sent, topic)


def unbound(sn: str) -> dict[str, Any]:
    return {
        "sn": sn,
        "is_device_bind_organization": False,
        "organization_id": "",
        "organization_name": "",
        "device_callsign": "",
    }


@pytest.mark.parametrize(("mqtt5", "gateway_field"), [(False, True), (True, False)])
def test_a_dock_gets_its_configuration_binds_and_reports_its_aircraft(
    acme: Tenant, code: str, platform: Platform, mqtt5: bool, gateway_field: bool
) -> None:
    aircraft = new_sn("AIR")
    with acme.dock(mqtt5=mqtt5) as dock:
        more = {"gateway": dock.sn} if gateway_field else {}

        config = ask(dock, dock.requests, "config", {"config_scope": "product", "config_type": "json"}, **more)
        assert set(config) == {"app_id", "app_key", "app_license", "ntp_server_host", "ntp_server_port"}
        assert type(config.pop("ntp_server_port")) is int
        assert all(isinstance(value, str) for value in config.values())

        asked = {"devices": [{"sn": aircraft}, {"sn": dock.sn}]}
        status = ask(dock, dock.requests, "airport_bind_status", asked, **more)
        assert status == {"result": 0, "output": {"bind_status": [unbound(aircraft), unbound(dock.sn)]}}

        organization = ask(dock, dock.requests, "airport_organization_get", acme.get_data(code), **more)
        assert organization == {"result": 0, "output": {"organization_name": acme.organization_name}}

        binding = acme.bind_data(code, dock.sn, aircraft)
        bound = ask(dock, dock.requests, "airport_organization_bind", binding, **more)
        assert err_infos(bound) == [(dock.sn, 0), (aircraft, 0)]

        status = ask(dock, dock.requests, "airport_bind_status", asked, **more)
        ours = {
            "is_device_bind_organization": True,
            "organization_id": acme.organization_id,
            "organization_name": acme.organization_name,
        }
        assert status == {
            "result": 0,
            "output": {
                "bind_status": [{"sn": sn, **ours, "device_callsign": f"Call {sn[-3:]}"} for sn in (aircraft, dock.sn)]
            },
        }

        sub = {"sn": aircraft, "domain": "0", "type": 91, "sub_type": 0, "index": "A", "thing_version": "1.2.0"}
        topology = {"domain": "3", "type": 2, "sub_type": 0, "thing_version": "1.2.0", "sub_devices": [sub]}
        assert ask(dock, dock.status, "update_topo", topology, **more) == {"result": 0}

    shown, flown = devices(platform, dock.sn, aircraft)
    assert shown.pop("last_seen_at")
    assert shown == {
        "sn": dock.sn,
        "model_key": "3-2-0",
        "kind": "dock",
        "workspace_id": acme.workspace_id,
        "organization_id": acme.organization_id,
        "bound": True,
        "online": True,
        "offline_reason": None,
        "gateway_sn": None,
        "callsign": f"Call {dock.sn[-3:]}",
    }
    assert (flown["kind"], flown["gateway_sn"], flown["bound"]) == ("aircraft", dock.sn, True)
    assert (flown["model_key"], flown["callsign"], flown["online"]) == ("0-91-0", f"Call {aircraft[-3:]}", True)


# --- config -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "data",
    [
        {"config_type": "xml", "config_scope": "product"},
        {"config_type": "json", "config_scope": "device"},
        {"config_type": 1, "config_scope": "product"},
        {"config_scope": "product"},
        {},
        [],
        None,
    ],
)
def test_an_unknown_configuration_is_refused(other_dock: Gateway, data: Any) -> None:
    assert ask(other_dock, other_dock.requests, "config", data) == MALFORMED


@pytest.fixture(scope="module")
def other_dock(other: Tenant) -> Any:
    with other.dock() as dock:
        yield dock


def test_configuration_is_that_of_the_accounts_organization(acme: Tenant, other_dock: Gateway, other: Tenant) -> None:
    shell(
        acme.platform,
        f"""
from workspaces.models import Organization
for number, organization_id in enumerate({[acme.organization_id, other.organization_id]}):
    Organization.objects.filter(organization_id=organization_id).update(
        app_id=f"id{{number}}", app_key=f"key{{number}}", app_license=f"license{{number}}=",
        ntp_server_host=f"ntp{{number}}.example", ntp_server_port=123 + number)
print(1)
""",
    )
    asked = {"config_type": "json", "config_scope": "product"}
    with acme.dock() as dock:
        # Claims in the message change nothing.
        acmes = dock.request("config", {**asked, "organization_id": other.organization_id}, gateway=other_dock.sn)
        others = other_dock.request("config", asked)
    for number, config in enumerate((acmes, others)):
        assert config == {
            "app_id": f"id{number}",
            "app_key": f"key{number}",
            "app_license": f"license{number}=",
            "ntp_server_host": f"ntp{number}.example",
            "ntp_server_port": 123 + number,
        }


# --- airport_bind_status ----------------------------------------------------------------------------------------------
def test_a_device_of_another_organization_is_bound_and_nothing_more(acme: Tenant, code: str, other: Tenant) -> None:
    with acme.dock() as dock, other.dock() as stranger:
        assert err_infos(dock.request("airport_organization_bind", acme.bind_data(code, dock.sn))) == [(dock.sn, 0)]
        nobody = new_sn("AIR")
        asked = {"devices": [{"sn": sn} for sn in (stranger.sn, dock.sn, nobody, dock.sn)]}
        foreign = {**unbound(dock.sn), "is_device_bind_organization": True}
        rows = stranger.request("airport_bind_status", asked)["output"]["bind_status"]
        assert rows == [unbound(stranger.sn), foreign, unbound(nobody), foreign]
        assert dock.request("airport_bind_status", {"devices": []}) == {"result": 0, "output": {"bind_status": []}}


@pytest.mark.parametrize(
    "data", [None, [], {}, {"devices": None}, {"devices": "sn"}, {"devices": ["sn"]}, {"devices": [{"sn": 1}]},
             {"devices": [{"sn": "a/b"}]}, {"devices": [{"sn": "x" * 500}]}, {"devices": [{}]}]
)  # fmt: skip
def test_a_malformed_question_is_refused(other_dock: Gateway, data: Any) -> None:
    assert ask(other_dock, other_dock.requests, "airport_bind_status", data) == MALFORMED


# --- refused codes ----------------------------------------------------------------------------------------------------
def test_no_refused_code_says_why(acme: Tenant, other: Tenant, code: str, platform: Platform) -> None:
    used_up, revoked = acme.codes(1, 1)
    platform.manage("revoke_bind_code", revoked)
    expired = acme.code(docks=9, hours=0.0001)  # 0.36 s
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


# --- binding ----------------------------------------------------------------------------------------------------------
def test_a_device_of_another_organization_stops_the_binding(
    acme: Tenant, code: str, other: Tenant, platform: Platform
) -> None:
    theirs, newcomer = new_sn("AIR"), new_sn("AIR")
    own_code, others_code = acme.code(), other.code()
    with other.dock() as owner, acme.dock() as dock:
        answer = owner.request("airport_organization_bind", other.bind_data(others_code, owner.sn, theirs))
        assert err_infos(answer) == [(owner.sn, 0), (theirs, 0)]

        bind = acme.bind_data(own_code, dock.sn, theirs, newcomer)
        answer = ask(dock, dock.requests, "airport_organization_bind", bind)
        assert err_infos(answer) == [(dock.sn, 210231), (theirs, 210232), (newcomer, 210231)]
        rows = dock.request("airport_bind_status", {"devices": [{"sn": dock.sn}, {"sn": newcomer}]})
        assert rows["output"]["bind_status"] == [unbound(dock.sn), unbound(newcomer)]

        # Nothing was counted: the code, for one dock, is still good for this one.
        answer = dock.request("airport_organization_bind", acme.bind_data(own_code, dock.sn, newcomer))
        assert err_infos(answer) == [(dock.sn, 0), (newcomer, 0)]
    owners = [device["organization_id"] for device in devices(platform, theirs, newcomer)]
    assert owners == [other.organization_id, acme.organization_id]


def test_a_repeated_binding_is_answered_again_and_counted_once(acme: Tenant) -> None:
    code = acme.code(docks=2)
    with acme.dock() as dock, acme.dock() as second, acme.dock() as third:
        bind = acme.bind_data(code, dock.sn, new_sn("AIR"))
        sent = dock.send(dock.requests, "airport_organization_bind", bind)
        dock.answers(sent)
        dock.publish(dock.requests, json.dumps({**sent, "timestamp": time.time_ns() // 1_000_000}))
        first, again = dock.answers(sent, 2)
        assert first.data == again.data
        assert {code for _sn, code in err_infos(again.data)} == {0}
        assert len(dock.arrived(sent)) == 2
        # A new request, as after a restart of the dock, is a repeat as well.
        assert {code for _sn, code in err_infos(dock.request("airport_organization_bind", bind))} == {0}

        results = [
            err_infos(one.request("airport_organization_bind", acme.bind_data(code, one.sn)))[0][1]
            for one in (second, third, second, dock)
        ]
        assert results == [0, 210231, 0, 0]  # the last one names no aircraft, but its binding holds


# --- everything else --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["flight_areas_get", "offline_map_get"])
@pytest.mark.parametrize("data", [None, {}, {"unknown": 1}])
def test_nothing_to_fetch(other_dock: Gateway, method: str, data: Any) -> None:
    assert ask(other_dock, other_dock.requests, method, data, gateway=other_dock.sn) == {"result": 0}


def test_an_unsupported_method_is_answered_and_counted(other_dock: Gateway, platform: Platform) -> None:
    method = f"method_of_{new_sn('')}"
    assert ask(other_dock, other_dock.requests, method, {"value": 1}) == UNSUPPORTED
    assert ask(other_dock, other_dock.requests, method, None) == UNSUPPORTED
    assert ask(other_dock, other_dock.status, method, {}) == UNSUPPORTED
    counts = json.loads(platform.run("mqtt_worker", "--status"))["unsupported"]
    assert (counts[f"requests {method}"], counts[f"status {method}"]) == (2, 1)
