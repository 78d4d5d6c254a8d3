"""What docks do in these tests, and how soon silence is noticed."""

from typing import Any

from tests.live.browser_session import Page
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos

SILENCE_SECONDS = 3


def bind(tenant: Tenant, code: str, dock: Gateway, *sns: str) -> None:
    answer = err_infos(dock.request("airport_organization_bind", tenant.bind_data(code, dock.sn, *sns)))
    assert {error for _sn, error in answer} == {0}


def topology(*sns: str) -> dict[str, Any]:
    subs = [{"sn": sn, "domain": 0, "type": 91, "sub_type": 0, "index": "A"} for sn in sns]
    return {"domain": 3, "type": 2, "sub_type": 0, "sub_devices": subs}


def values_of(page: Page, sn: str, kind: str) -> list[dict[str, Any]]:
    return [
        update["values"]
        for _at, frame in page.frames
        if frame["type"] == kind
        for update in frame["devices"]
        if update["sn"] == sn and "values" in update
    ]
