"""Names that are scripts, rendered in Chromium: callsign, SN, file name, member, workspace, organization.

Each is stored as it is; the pages must show it as text. A page on which one became an element, or ran, fails.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.attacks.scene import Scene, topology
from tests.attacks.table import Attack
from tests.attacks.visitor import API, Visitor
from tests.browser import browser  # noqa: F401
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, shell

pytestmark = pytest.mark.live

#: `stolen` is set by whichever of them runs.
HOSTILE = "<img src=x onerror=stolen=1>'\"><script>stolen=1</script>"
SHOWN = "<img src=x onerror=stolen=1>"
_STORE = """
from devices.models import Device
from workspaces.models import Organization, User, Workspace
hostile = {hostile!r}
workspace = Workspace.objects.unscoped().get(workspace_id="{workspace_id}")
Workspace.objects.unscoped().filter(pk=workspace.pk).update(name=hostile, description=hostile)
Organization.objects.filter(pk=workspace.organization_id).update(name=hostile, ntp_server_host=hostile)
User.objects.filter(memberships__workspace=workspace, username__contains="viewer").update(
    username=hostile, first_name=hostile, last_name=hostile, email=hostile)
Device.objects.create(sn=hostile, workspace=workspace, domain=0, type=91, sub_type=0, callsign=hostile,
    thing_version=hostile[:32])
User.objects.create_superuser("root-of-the-pages", password="root-of-the-pages")
print(1)
"""


class Hostile:
    """An organization in which everything that has a name is named HOSTILE."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.tenant = Tenant(scene.platform, "Rendered", docks=1, users=True)
        self.dock = Gateway(self.tenant.account())

    def begin(self) -> None:
        self.dock.__enter__()
        data = self.tenant.bind_data(self.tenant.code(), self.dock.sn)
        data["bind_devices"][0]["device_callsign"] = HOSTILE
        assert self.dock.request("airport_organization_bind", data)["result"] == 0
        assert self.dock.topology(topology()) == {"result": 0}
        operator = Visitor(self.scene.platform).take_token(self.tenant.users["operator"])
        path = f"{API}/devices/{self.tenant.workspace_id}/devices/{self.dock.sn}"
        assert operator.ask("PUT", path, {"nickname": HOSTILE}).kind == "ok"
        values = {"hostile": HOSTILE, "workspace_id": self.tenant.workspace_id}
        shell(self.scene.platform, _STORE.format(**values))
        self.fly()

    def fly(self) -> None:
        """Telemetry with a hostile file name, and hostile keys."""
        files = {"file_name": HOSTILE, HOSTILE: HOSTILE, "nested": {HOSTILE: [HOSTILE]}}
        self.dock.telemetry(self.dock.sn, {"mode_code": 0, "file": HOSTILE, "media_file_detail": files, HOSTILE: 1})


@pytest.fixture(scope="module")
def hostile(scene: Scene) -> Iterator[Hostile]:
    made = Hostile(scene)
    made.begin()
    yield made
    made.dock.close()


def opened(browser: Browser, scene: Scene, user: dict[str, str]) -> Page:  # noqa: F811
    page = browser.new_context(locale="en-US").new_page()
    visitor = Visitor(scene.platform).log_in(user)
    cookies: Any = [{"name": n, "value": v, "url": scene.platform.http_url} for n, v in visitor.cookies.items()]
    page.context.add_cookies(cookies)
    return page


def check(page: Page) -> None:
    """Nothing ran, and nothing became an element."""
    assert page.evaluate("typeof window.stolen") == "undefined"
    assert page.locator("img[src='x']").count() == 0
    assert not [text for text in page.locator("script:not([src])").all_inner_texts() if text.startswith("stolen")]


def test_console(scene: Scene, hostile: Hostile, browser: Browser, attack: Attack) -> None:  # noqa: F811
    """Callsign, SN, workspace, organization and member name, and the values of an opened device."""
    page = opened(browser, scene, hostile.tenant.users["operator"])
    page.goto(f"{scene.platform.http_url}/workspaces/{hostile.tenant.workspace_id}/")
    names = page.locator("#tree").get_by_text(SHOWN)
    names.first.wait_for(timeout=20_000)
    check(page)
    for button in page.locator("#tree .node button").all()[:2]:
        button.click()
        hostile.fly()
        page.wait_for_timeout(700)
        check(page)
    attack.control(SHOWN in page.inner_text("body"), "the name is shown as text")
    attack.stopped(f"{names.count()} names shown as text")
    page.context.close()


def test_device_story_and_members_by_the_api(scene: Scene, hostile: Hostile, attack: Attack) -> None:
    """What other pages render themselves leaves us as JSON, which no browser takes for a page."""
    member = Visitor(scene.platform).take_token(hostile.tenant.users["operator"])
    for path in ("devices/{ws}/devices", "users/{ws}/users", "workspaces/{ws}/devices/topologies"):
        reply = member.ask(
            "GET", f"{API}/{path.format(ws=hostile.tenant.workspace_id)}", headers={"Accept": "text/html"}
        )
        attack.control("onerror" in reply.text, "the name is in the answer")
        assert reply.headers["content-type"].startswith("application/json")
        assert reply.headers["x-content-type-options"] == "nosniff"
    attack.stopped("application/json, nosniff")


ADMIN_PAGES = [
    "", "workspaces/organization/", "workspaces/workspace/", "workspaces/user/", "workspaces/membership/",
    "workspaces/bindcode/", "workspaces/auditentry/", "devices/device/", "mqtt_bridge/mqttcredential/",
    "workspaces/membership/add/", "workspaces/bindcode/add/", "mqtt_bridge/mqttcredential/add/",
]  # fmt: skip


@pytest.mark.parametrize("who", ["superuser", "admin"])
def test_administration(scene: Scene, hostile: Hostile, browser: Browser, who: str, attack: Attack) -> None:  # noqa: F811
    """Lists, and the first rows' own pages."""
    root = dict.fromkeys(("username", "password"), "root-of-the-pages")
    page = opened(browser, scene, root if who == "superuser" else hostile.tenant.users["admin"])
    seen = 0
    for path in ADMIN_PAGES:
        page.goto(f"{scene.platform.http_url}/admin/{path}")
        check(page)
        shown = SHOWN in page.content().replace("&lt;", "<").replace("&gt;", ">")
        seen += shown
        rows = [link.get_attribute("href") for link in page.locator("#result_list th a").all()[:2]]
        for row in rows:
            page.goto(f"{scene.platform.http_url}{row}")
            check(page)
    attack.control(seen >= 4, f"the name is on {seen} lists")
    attack.stopped(f"shown as text on {seen} pages")
    page.context.close()


def test_pages_of_members(scene: Scene, hostile: Hostile, browser: Browser, attack: Attack) -> None:  # noqa: F811
    """The hostile member's own name stands on every page."""
    user = {**hostile.tenant.users["viewer"], "username": HOSTILE}
    page = opened(browser, scene, user)
    for path in ("/", f"/workspaces/{hostile.tenant.workspace_id}/", "/nowhere/", "/admin/", "/pilot/"):
        page.goto(scene.platform.http_url + path)
        check(page)
    page.goto(f"{scene.platform.http_url}/workspaces/{hostile.tenant.workspace_id}/")
    attack.control(SHOWN in page.inner_text("body"), "the name is shown as text")
    attack.stopped("shown as text")
    page.context.close()


@pytest.mark.parametrize(
    "path", ["/login/?next={x}", "/?x={x}", "/pilot/?x={x}", "/{x}/", "/login/#{x}", "/pilot/#{x}"]
)
def test_reflected(scene: Scene, browser: Browser, path: str, attack: Attack) -> None:  # noqa: F811
    page = browser.new_context().new_page()
    page.set_content(HOSTILE)
    page.wait_for_function("window.stolen === 1")
    with pytest.raises(AssertionError):
        check(page)
    attack.control(page.evaluate("window.stolen") == 1, "the same text runs in a page that takes it in")
    page.goto(scene.platform.http_url + path.format(x=HOSTILE))
    page.wait_for_timeout(200)
    check(page)
    assert page.locator("body").count() == 1
    attack.stopped("shown as text, or not at all")
    page.context.close()


def test_serial_number_with_html_by_the_broker(scene: Scene, attack: Attack) -> None:
    """It does not get as far as the pages."""
    for sn in ("<img src=x>", 'A"B', "A B", "A/B", "A&B"):
        answer = scene.b.dock.topology(topology(sn))
        assert answer == {"result": 210002}, sn
        assert scene.rows("SELECT 1 FROM devices_device WHERE sn = %s", sn) == []
    attack.control(scene.b.dock.topology(topology(scene.b.aircraft)) == {"result": 0}, "a serial number is taken")
    attack.stopped("210002")


def test_what_pages_may_run(scene: Scene, attack: Attack) -> None:
    """Should a script get into a page in spite of that, its policy keeps it from running."""
    visitor = Visitor(scene.platform).log_in(scene.b.users["admin"])
    policies = {}
    for path in ("/login/", f"/workspaces/{scene.b.workspace_id}/", "/admin/", "/pilot/", "/nowhere/", "/api/docs/"):
        reply = visitor.ask("GET", path)
        policies[path] = reply.headers.get("content-security-policy", "")
        scripts = re.search(r"script-src ([^;]*)", policies[path])
        assert scripts, (path, policies[path])
        assert not re.search(r"unsafe-inline|unsafe-eval|\*|https?:|data:", scripts[1]), (path, scripts[1])
        assert "frame-ancestors 'none'" in policies[path]
    attack.control(len(policies) == 6, "each page has a policy")
    attack.stopped("script-src 'self' on each")
