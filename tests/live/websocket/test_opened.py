"""What a browser asks for: a few values of everybody, all values of what it opens."""

import pytest

from tests.live.browser_session import Page
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant
from tests.live.websocket.scene import values_of
from tests.platform import Platform

pytestmark = pytest.mark.live


def test_a_browser_gets_a_few_values_and_all_of_what_it_opens(
    acme: Tenant, dock: Gateway, lively: Platform, operator: str
) -> None:
    with Page(lively.http_url, acme.workspace_id, operator, query="?detail=summary") as browser:
        browser.until(lambda: dock.sn in browser.devices, "the dock appears")
        whole = {"mode_code": 1, "job_number": 3, "drone_charge_state": {"capacity_percent": 9, "x": 1}}
        dock.telemetry(dock.sn, whole)
        browser.until(lambda: browser.value(dock.sn, "mode_code") == 1, "what a list shows arrives")
        assert browser.devices[dock.sn]["values"] == {"mode_code": 1, "drone_charge_state": {"capacity_percent": 9}}

        for nonsense in ("", "null", "[]", '{"type":"open"}', '{"type":"open","sn":5}', "x" * 1000, b"\xff"):
            browser.say(nonsense)
        browser.say({"type": "open", "sn": "NOT-HERE"})
        browser.say({"type": "open", "sn": dock.sn})
        browser.until(lambda: dock.sn in browser.details, "all values arrive")
        assert values_of(browser, dock.sn, "details") == [whole]
        dock.telemetry(dock.sn, {"mode_code": 1, "job_number": 4})
        browser.until(lambda: browser.details[dock.sn]["job_number"] == 4, "a change arrives")
        assert values_of(browser, dock.sn, "details") == [whole, {"job_number": 4}]
        assert "job_number" not in browser.devices[dock.sn]["values"]

        browser.say({"type": "close", "sn": dock.sn})
        browser.read(0.6)
        dock.telemetry(dock.sn, {"mode_code": 2, "job_number": 5})
        browser.until(lambda: browser.value(dock.sn, "mode_code") == 2, "the list goes on")
        browser.read(0.6)
        assert browser.details[dock.sn]["job_number"] == 4
        browser.say({"type": "open", "sn": dock.sn})
        browser.until(lambda: browser.details[dock.sn]["job_number"] == 5, "opened again, it is up to date")
        assert browser.connections == 1
