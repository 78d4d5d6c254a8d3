"""A foreign client binds a dock and sees every reply that the README's table of requests promises."""

import json
import time

import pytest

from tests.live.dock_requests.asking import ask, unbound
from tests.live.tenants import Tenant, devices, err_infos, new_sn
from tests.platform import Platform

pytestmark = pytest.mark.live


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
