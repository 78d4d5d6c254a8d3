"""`config`, `airport_bind_status`, and the requests that have nothing to fetch."""

import json
from typing import Any

import pytest

from tests.live.dock_requests.asking import MALFORMED, UNSUPPORTED, ask, unbound
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos, new_sn, shell
from tests.platform import Platform

pytestmark = pytest.mark.live


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
