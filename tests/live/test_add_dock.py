"""An organization's admin adds a dock in a browser, and the dock gets in with what the sheet says, and nothing more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import browser, log_in, organization  # noqa: F401
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos, new_sn
from tests.platform import Platform

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Alpine Rescue", users=True)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:  # noqa: F811
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert problems == []


def test_a_dock_is_added_in_one_step(acme: Tenant, page: Page, platform: Platform, tmp_path: Path) -> None:
    sn = new_sn("8UUXN")
    users = {"users": list(acme.users.values()), "workspace_id": acme.workspace_id}
    log_in(page, platform, users, "admin")
    page.get_by_role("link", name="Administration").click()
    page.get_by_role("link", name="MQTT credentials").first.click()
    page.get_by_role("link", name="Add a dock").click()
    page.get_by_label("Serial number").fill(sn)
    page.screenshot(path=tmp_path / "form.png")
    page.get_by_role("button", name="Add a dock").click()

    values = page.locator("dl code").evaluate_all("codes => codes.map(code => code.dataset.value)")
    address, account, password, organization_id, code = values
    assert page.locator("dl code").all_text_contents() == values  # groups are apart by style alone
    assert address == f"tcp://127.0.0.1:{platform.mqtt_port}"
    page.get_by_role("button", name="Copy").nth(2).click()
    assert page.evaluate("navigator.clipboard.readText()") == password
    page.mouse.move(0, 0)
    expect(page.locator("body")).not_to_contain_text("Copied", use_inner_text=True)
    page.screenshot(path=tmp_path / "sheet.png")
    page.emulate_media(media="print")
    assert page.get_by_role("button", name="Print").is_hidden()
    assert page.locator("#header").is_hidden()
    assert page.locator("svg.qr").is_visible()
    page.screenshot(path=tmp_path / "print.png")
    page.emulate_media(media="screen", color_scheme="dark")
    page.screenshot(path=tmp_path / "dark.png")
    page.set_viewport_size({"width": 420, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    page.screenshot(path=tmp_path / "narrow.png", full_page=True)
    print(f"\nscreenshots in {tmp_path}")  # noqa: T201

    made = {"sn": account, "mqtt_host": platform.mqtt_host, "mqtt_port": platform.mqtt_port}
    with Gateway({**made, "mqtt_username": account, "mqtt_password": password}) as dock:
        answer = err_infos(dock.request("airport_organization_bind", acme.bind_data(
            code, sn, organization_id=organization_id)))  # fmt: skip
        assert answer == [(sn, 0)]
    with Gateway(acme.accounts(1)[0]) as second:
        assert second.request("airport_organization_get", acme.get_data(code))["result"] != 0, (
            "the code is for one dock"
        )
