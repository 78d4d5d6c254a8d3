"""How the Pilot page looks and feels: sizes, languages, keyboard, an ordinary browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.live.pilot.fake_bridge import FakePilot
from tests.live.pilot.look import check, picture
from tests.live.pilot.webview import RC_PLUS, RC_PRO, SECONDS, PilotTenant, Webview
from tests.platform import Platform

pytestmark = pytest.mark.live


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("size", [RC_PRO, RC_PLUS], ids=["1280", "1920"])
def test_both_languages_and_sizes(
    platform: Platform,
    browser: Browser,
    tenant: PilotTenant,
    pilot: FakePilot,
    tmp_path: Path,
    size: ViewportSize,
    locale: str,
) -> None:
    context = browser.new_context(viewport=size, locale=locale, has_touch=True)
    pilot.install(context)
    view = Webview(platform, context, pilot)
    name = f"{size['width']}-{locale[:2]}"
    page = view.open()
    expect(page.locator("#login")).to_be_visible()
    check(page, tmp_path, f"login-{name}")

    pilot.switches.licence_refused = True
    page.locator("#username").fill(tenant.pilot["username"])
    page.locator("#password").fill(tenant.pilot["password"])
    page.locator("#login-button").click()
    expect(page.locator("#problem")).to_be_visible()
    check(page, tmp_path, f"problem-{name}")

    pilot.switches.licence_refused = False
    page.locator("#retry").click()
    view.wait_bound()
    expect(page.locator("#aircraft-state")).to_have_text(re.compile("online|在线"), timeout=15 * SECONDS)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "all of it without scrolling"
    check(page, tmp_path, f"main-{name}")
    page.locator("#log-toggle").click()
    check(page, tmp_path, f"log-{name}")
    page.locator("#exit").click()
    check(page, tmp_path, f"exit-{name}")
    context.close()
    assert view.errors == []


@pytest.mark.parametrize("size", [RC_PRO, RC_PLUS], ids=["1280", "1920"])
def test_fields_stay_visible_over_the_keyboard(webview: Webview, size: ViewportSize, tmp_path: Path) -> None:
    page = webview.open()
    # The worst case: what the last login ended with stands above the form.
    page.evaluate("""localStorage.setItem("cloudapi.pilot", JSON.stringify({token: "garbage", userId: "1"}))""")
    page = webview.open()
    expect(page.locator("#problem")).to_be_visible()
    for resized in (False, True):
        page.set_viewport_size(size)
        page.get_by_label("Password").focus()
        if resized:
            # A web view that makes room: the window is as high as what the keyboard leaves.
            page.set_viewport_size({"width": size["width"], "height": size["height"] // 2})
        for field in ("#username", "#password", "#login-button"):
            box = page.locator(field).bounding_box()
            assert box is not None
            assert 0 <= box["y"] < box["y"] + box["height"] <= size["height"] / 2
        picture(page, tmp_path, f"keyboard-{size['width']}-{'resized' if resized else 'covered'}")
        page.evaluate("document.activeElement.blur()")


def test_an_ordinary_browser_is_told_where_the_page_belongs(
    platform: Platform, browser: Browser, tmp_path: Path
) -> None:
    for locale, belongs in (
        ("en-US", "This page belongs into DJI Pilot 2"),
        ("zh-CN", "本页面需要在 DJI Pilot 2 中打开"),
    ):
        page = browser.new_page(viewport=RC_PRO, locale=locale)
        page.goto(f"{platform.http_url}/pilot-login")
        expect(page.get_by_role("heading", name=belongs)).to_be_visible()
        expect(page.locator("#page-address")).to_have_text(f"{platform.http_url}/pilot/")
        expect(page.locator("#login")).to_be_hidden()
        check(page, tmp_path, f"browser-{locale[:2]}")
        page.close()


def test_back_closes_what_is_open_and_then_leaves_the_page(webview: Webview, tenant: PilotTenant) -> None:
    page = webview.open()
    assert page.evaluate("djiBridge.onBackClick()") is False
    webview.log_in(tenant.pilot)
    webview.wait_bound()
    page.locator("#log-toggle").click()
    page.locator("#exit").click()
    assert page.evaluate("djiBridge.onBackClick()") is True
    expect(page.locator("#exit-question")).to_be_hidden()
    assert page.evaluate("window.onBackClick()") is True
    expect(page.locator("#log-list")).to_be_hidden()
    assert page.evaluate("djiBridge.onBackClick()") is False


def test_reload_uses_a_path_that_no_cache_knows(webview: Webview, platform: Platform) -> None:
    page = webview.open()
    page.get_by_role("button", name="Reload page").click()
    page.wait_for_url(re.compile(r"/pilot/r/\d{13}/$"))
    expect(page.get_by_label("Password")).to_be_visible()
    assert page.evaluate("navigator.serviceWorker.controller") is None
    for address in page.evaluate("[...document.scripts].map((script) => script.src).filter(Boolean)"):
        assert re.search(r"/static/pilot/\w+\.[0-9a-f]{12}\.js$", address)
