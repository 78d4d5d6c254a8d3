"""Pilot's web view for tests: a tenant with a DJI application, a fake controller, and the page in real Chromium."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from tests.browser import watch
from tests.live.pilot.fake_bridge import FakePilot
from tests.live.tenants import Tenant, new_sn, shell
from tests.platform import Platform

SECONDS = 1000.0
APPLICATION = {"app_id": "1234567", "app_key": "the-secret-app-key", "app_license": "the-secret-app-licence"}
RC_PLUS = ViewportSize(width=1920, height=1200)
RC_PRO = ViewportSize(width=1280, height=720)


class PilotTenant(Tenant):
    """An organization with a DJI application, users and one controller: a pilot may add only 5 new ones a day."""

    def __init__(self, platform: Platform, name: str) -> None:
        super().__init__(platform, name, users=True)
        rows = f"Organization.objects.filter(organization_id={self.organization_id!r})"
        self.shell(f"{rows}.update(**{APPLICATION!r}); print('0')")
        self.pilot = self.users["pilot"]
        self.controller_sn, self.aircraft_sn = new_sn("RC"), new_sn("UAV")

    def shell(self, code: str) -> Any:
        imports = "from workspaces.models import *; from workspaces import services; "
        return shell(self.platform, imports + code)

    def add_workspace(self, name: str) -> str:
        """Another workspace of the organization, with the pilot as its member; returns its id."""
        made = self.shell(
            f"o = Organization.objects.get(organization_id={self.organization_id!r}); "
            f"w = Workspace.objects.create(organization=o, name={name!r}); "
            f"u = User.objects.get(username={self.pilot['username']!r}); "
            "Membership.objects.create(user=u, workspace=w, role=Role.PILOT); "
            "import json; print(json.dumps(str(w.workspace_id)))"
        )
        return str(made)

    def expire_tokens(self) -> None:
        """Every token of this organization's users is a second too old."""
        imports = "from datetime import timedelta; from django.utils import timezone"
        past = "timezone.now() - timedelta(seconds=1)"
        self.shell(f"{imports}; {self._tokens()}.update(expires_at={past}); print('0')")

    def tokens(self) -> int:
        """How many tokens there are."""
        return int(self.shell(f"print({self._tokens()}.count())"))

    def _tokens(self) -> str:
        path = "workspace__organization__organization_id"
        return f"AccessToken.objects.unscoped().filter({path}={self.organization_id!r})"


@dataclass
class Webview:
    """The page in Pilot's web view. Leaving and opening it again keeps the storage, as on the controller."""

    platform: Platform
    context: BrowserContext
    pilot: FakePilot
    page: Page = field(init=False)
    errors: list[str] = field(default_factory=list)

    def open(self, path: str = "/pilot/") -> Page:
        """Opens the page anew, like tapping the platform in Pilot."""
        if hasattr(self, "page"):
            self.page.close()
        self.page = self.context.new_page()
        watch(self.page, self.errors)
        self.page.goto(f"{self.platform.http_url}{path}")
        return self.page

    def log_in(self, user: dict[str, str]) -> None:
        self.page.get_by_label("Username").fill(user["username"])
        self.page.get_by_label("Password").fill(user["password"])
        self.page.get_by_role("button", name="Log in").click()

    def wait_bound(self) -> None:
        """Until the link is up and the controller is in its workspace."""
        expect(self.page.locator("#problem")).to_be_hidden()
        expect(self.page.locator("#link")).to_have_attribute("data-state", "up", timeout=20 * SECONDS)
        expect(self.page.locator("#controller-state")).to_have_text(re.compile("online|在线"), timeout=20 * SECONDS)
        expect(self.page.locator("#link-detail")).to_contain_text(
            re.compile("leave this page|离开"), timeout=20 * SECONDS
        )

    @property
    def log(self) -> str:
        return str(self.page.evaluate("pilot.log.text()"))

    @property
    def storage(self) -> dict[str, Any]:
        return dict(json.loads(self.page.evaluate("JSON.stringify(localStorage)")))
