"""The operator's console in Chromium, with a simulated dock that binds and flies."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cloudapi.platform import processes
from tests.browser import browser, log_in, organization, page  # noqa: F401
from tests.platform import Platform
from tests.processes import Child

pytestmark = pytest.mark.live
SECONDS = 1000.0
POSITION = re.compile(r"^-?\d+\.\d{5}, -?\d+\.\d{5}$")


@pytest.fixture(scope="module")
def dock(platform: Platform, organization: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:  # noqa: F811
    """A simulated dock that is not running yet; its aircraft leaves after a while."""
    sn = f"CONSOLE{secrets.token_hex(4).upper()}"
    workspace = organization["workspace_id"]
    gateway = platform.manage("add_gateway", sn, "--model", "3-2-0", "--workspace", workspace)["gateways"][0]
    code = platform.manage("issue_bind_code", "--workspace", workspace)["bind_code"]
    options = {
        "--sn": sn, "--callsign": "North roof", "--username": gateway["mqtt_username"],
        "--password": gateway["mqtt_password"], "--organization-id": organization["organization_id"],
        "--bind-code": code, "--speedup": "5", "--leave-after": "25",
    }  # fmt: skip
    arguments = [part for option in options.items() for part in option]
    log = Path(tmp_path_factory.mktemp("dock")) / "log"
    child = Child(processes.manage("simulate", "dock", *arguments), log, env=platform.env)
    yield child
    child.stop()


def test_a_dock_binds_appears_flies_and_loses_its_aircraft_without_a_reload(
    platform: Platform,
    organization: dict[str, Any],  # noqa: F811
    dock: Child,
    page: Page,  # noqa: F811
) -> None:
    log_in(page, platform, organization)
    expect(page.get_by_role("heading", name="No devices yet")).to_be_visible()
    expect(page.locator("#connect-help")).to_contain_text(organization["organization_id"])
    expect(page.locator("#status")).to_have_attribute("data-state", "live")

    dock.start()
    tree = page.locator("#tree")
    expect(tree.get_by_role("button", name="North roof", exact=True)).to_be_visible(timeout=30 * SECONDS)
    aircraft = tree.locator(".tree-children .node")
    expect(aircraft.locator("> .row .state")).to_have_text("Online", timeout=20 * SECONDS)
    position = aircraft.locator("[data-fact=position] .fact-text")
    expect(position).to_have_text(POSITION, timeout=20 * SECONDS)
    before = position.inner_text()
    expect(position).not_to_have_text(before, timeout=20 * SECONDS)
    expect(aircraft.locator("[data-fact=battery] .fact-text")).to_contain_text("%")
    expect(page.locator(".mark.aircraft")).to_be_visible()
    expect(page.locator(".mark.dock")).to_be_visible()

    aircraft = tree.locator(f'.node[data-sn="{aircraft.get_attribute("data-sn")}"]')  # wherever it moves in the tree
    aircraft.get_by_role("button").click()
    expect(page.locator("#details-values")).to_contain_text("battery.capacity_percent")

    expect(aircraft.locator("> .row .state")).to_have_text("Offline", timeout=60 * SECONDS)
    expect(page.locator("#details-explanation")).to_contain_text("no longer connected to its gateway")
    expect(page.locator("#summary")).to_have_text("1 of 2 online")


def test_the_page_survives_a_restart_of_the_server(
    platform: Platform,
    organization: dict[str, Any],  # noqa: F811
    page: Page,  # noqa: F811
) -> None:
    log_in(page, platform, organization)
    status = page.locator("#status")
    expect(status).to_have_attribute("data-state", "live")
    platform.kill("web")
    expect(status).to_contain_text("Reconnecting in")
    expect(page.locator("#banner")).to_contain_text("The connection to the server is lost")
    platform.start_process("web")
    expect(status).to_have_attribute("data-state", "live", timeout=40 * SECONDS)
    expect(page.locator("#banner")).to_be_hidden()


def test_the_page_goes_to_the_login_when_the_session_has_ended(
    platform: Platform,
    organization: dict[str, Any],  # noqa: F811
    page: Page,  # noqa: F811
) -> None:
    log_in(page, platform, organization, role="viewer")
    expect(page.locator("#status")).to_have_attribute("data-state", "live")
    page.context.clear_cookies()
    platform.restart("web")
    page.wait_for_url(re.compile(r"/login/\?next=/workspaces/"), timeout=40 * SECONDS)
