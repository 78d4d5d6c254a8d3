"""Every page in Chromium under its Content-Security-Policy, and the headers that come with every answer."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import browser, log_in, organization, watch  # noqa: F401
from tests.live.tenants import shell
from tests.platform import Platform

pytestmark = pytest.mark.live

PASSWORD = "quite-a-long-password"
POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
}  # fmt: skip


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, errors: list[str]) -> Iterator[Page]:  # noqa: F811
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    page = context.new_page()
    watch(page, errors)
    yield page
    context.close()


def test_pages_keep_their_policy(
    platform: Platform,
    organization: dict[str, Any],  # noqa: F811
    page: Page,
    errors: list[str],
) -> None:
    log_in(page, platform, organization, role="viewer")
    page.wait_for_selector('#status[data-state="live"]')
    for path in ("/pilot/", "/pilot-login", "/nothing/", "/login/"):
        page.goto(f"{platform.http_url}{path}")
    page.goto(f"{platform.http_url}/api/docs/")
    page.locator("#operations-manage-Login_post button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table").wait_for()
    assert errors == []


def test_the_administration_keeps_its_policy(platform: Platform, page: Page, errors: list[str]) -> None:
    name = "policy-root"
    shell(
        platform,
        f"from workspaces.models import User; User.objects.create_superuser({name!r}, password={PASSWORD!r}); print(0)",
    )
    page.goto(f"{platform.http_url}/admin/")
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    links = page.evaluate("[...document.querySelectorAll('#content-main a')].map((link) => link.href)")
    assert len(links) > 10
    for link in dict.fromkeys([*links, f"{platform.http_url}/admin/password_change/"]):
        page.goto(link)
        rows = page.evaluate("[...document.querySelectorAll('#result_list th a')].map((link) => link.href)")
        for row in rows[:1]:
            page.goto(row)
            if page.locator("a.historylink").count():
                page.locator("a.historylink").click()
        assert errors == [], link


def test_an_injected_script_does_not_run(platform: Platform, page: Page, errors: list[str]) -> None:
    page.goto(f"{platform.http_url}/login/")
    for markup in ("<img src=x onerror='window.stolen=1'>", "<a href='javascript:window.stolen=1' id=trap>go</a>"):
        page.evaluate("(markup) => document.body.insertAdjacentHTML('beforeend', markup)", markup)
    page.locator("#trap").click()
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.stolen = 1";
            document.body.append(script);
        }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("window.stolen") is None
    assert len([error for error in errors if "Content Security Policy" in error]) >= 3


def test_what_comes_from_outside_of_the_page_still_reaches_it(platform: Platform, page: Page) -> None:
    """Pilot calls the page's callbacks by the web view's own means, here those of the DevTools protocol."""
    page.goto(f"{platform.http_url}/pilot/")
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": "window.reached = 'evaluateJavascript'"})
    assert page.evaluate("window.reached") == "evaluateJavascript"


@pytest.mark.parametrize(
    "path", ["/login/", "/pilot/", "/admin/login/", "/api/docs/", "/nothing/", "/static/css/base.css", "/api/schema/"]
)
def test_headers(platform: Platform, path: str) -> None:
    class NoRaise(urllib.request.HTTPErrorProcessor):
        def http_response(self, request: Any, response: Any) -> Any:
            return response

    if path.startswith("/static/"):
        manifest = json.loads(Path(platform.env["STATIC_ROOT"], "staticfiles.json").read_text())
        path = f"/static/{manifest['paths'][path.removeprefix('/static/')]}"
    with urllib.request.build_opener(NoRaise).open(f"{platform.http_url}{path}", timeout=20) as answer:
        headers = answer.headers
    directives = set(headers["Content-Security-Policy"].split("; "))
    assert directives > POLICY
    [connect] = directives - POLICY
    assert connect.startswith("connect-src 'self' ws://")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY" or "static" in path
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Server"] is None
