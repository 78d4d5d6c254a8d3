"""Fixtures: a tenant with a DJI application, a fake controller, and its web view in Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import browser  # noqa: F401
from tests.live.pilot.fake_bridge import FakePilot
from tests.live.pilot.webview import RC_PRO, PilotTenant, Webview
from tests.platform import Platform


@pytest.fixture(scope="module")
def tenant(platform: Platform) -> PilotTenant:
    return PilotTenant(platform, "Pilots")


@pytest.fixture
def pilot(tenant: PilotTenant) -> Iterator[FakePilot]:
    native = FakePilot(sn=tenant.controller_sn, aircraft_sn=tenant.aircraft_sn)
    yield native
    native.stop()


@pytest.fixture
def webview(platform: Platform, browser: Browser, pilot: FakePilot) -> Iterator[Webview]:  # noqa: F811
    """The page is not open yet. A test in which it throws an error fails."""
    context = browser.new_context(viewport=RC_PRO, locale="en-US", has_touch=True)
    pilot.install(context)
    view = Webview(platform, context, pilot)
    yield view
    context.close()
    assert view.errors == []
