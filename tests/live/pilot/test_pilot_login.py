"""The Pilot page in Chromium against a running platform: the three token situations, workspaces, and leaving."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.live.foreign_client import Gateway
from tests.live.pilot.fake_bridge import FakePilot
from tests.live.pilot.look import check
from tests.live.pilot.webview import APPLICATION, SECONDS, PilotTenant, Webview
from tests.live.tenants import devices
from tests.processes import wait_until

pytestmark = pytest.mark.live

CONNECTING = [
    "platformVerifyLicense",
    "platformSetWorkspaceId",
    "platformSetInformation",
    "platformLoadComponent api",
    "apiSetToken",
    "platformLoadComponent thing",
    "platformLoadComponent ws",
    "platformLoadComponent tsa",
    "platformSetInformation",
]


def connect(webview: Webview, tenant: PilotTenant) -> None:
    webview.open()
    webview.log_in(tenant.pilot)
    webview.wait_bound()


def test_without_a_token_the_pilot_logs_in_and_the_controller_is_on_the_platform(
    webview: Webview,
    tenant: PilotTenant,
    pilot: FakePilot,
) -> None:
    page = webview.open()
    expect(page.get_by_role("heading", name="Log in as a pilot")).to_be_visible()
    html = page.content()
    for secret in (*APPLICATION.values(), webview.platform.env["MQTT_PASSWORD"]):
        assert secret not in html
    assert pilot.order == []

    webview.log_in(tenant.pilot)
    webview.wait_bound()
    assert pilot.order == CONNECTING
    assert pilot.calls[0][0] == "platformIsVerified"
    verified = [name for name, _ in pilot.calls].index("platformVerifyLicense")
    assert pilot.calls[verified][1] == list(APPLICATION.values())
    assert pilot.calls[verified + 1][0] == "platformIsVerified"

    assert pilot.workspace_id == tenant.workspace_id
    api, thing, ws = pilot.loaded("api"), pilot.loaded("thing"), pilot.loaded("ws")
    assert api["host"] == webview.platform.http_url
    assert thing["host"] == f"tcp://127.0.0.1:{webview.platform.mqtt_port}"
    assert set(thing) == {"host", "username", "password", "connectCallback"}
    assert ws["host"] == f"ws://127.0.0.1:{webview.platform.http_port}/api/v1/ws"
    assert ws["token"] == api["token"] == webview.page.evaluate("pilot.session.token")
    assert pilot.loaded("tsa") == {}
    assert set(pilot.components) == {"api", "thing", "ws", "tsa"}

    controller, aircraft = devices(webview.platform, pilot.sn, pilot.aircraft_sn)
    assert controller["workspace_id"] == aircraft["workspace_id"] == tenant.workspace_id
    assert controller["bound"]
    assert controller["online"]
    expect(page.locator("#aircraft-sn")).to_have_text(pilot.aircraft_sn)
    expect(page.locator("#aircraft-state")).to_have_text("online", timeout=15 * SECONDS)
    for module in ("thing", "api", "ws", "tsa"):
        expect(page.locator(f"[data-module={module}] .module-state")).to_have_text("running", timeout=10 * SECONDS)
    expect(page.locator(".not-offered")).to_have_count(3)
    assert pilot.topologies["code"] == 0
    socket = pilot.ws
    assert socket is not None
    wait_until(lambda: any(frame["biz_code"] == "device_osd" for frame in socket.frames), "device_osd arrives")


def test_a_valid_token_leads_to_the_main_view_and_a_live_link_is_left_alone(
    webview: Webview,
    tenant: PilotTenant,
    pilot: FakePilot,
) -> None:
    connect(webview, tenant)
    link, socket, token = pilot.thing, pilot.ws, pilot.loaded("api")["token"]
    pilot.calls.clear()

    webview.open()
    webview.wait_bound()
    assert pilot.order == ["platformSetInformation"]
    asked = [f"{name} {' '.join(args)}".strip() for name, args in pilot.calls]
    assert asked.index("platformIsVerified") < asked.index("platformIsComponentLoaded thing")
    assert asked.index("platformIsComponentLoaded thing") < asked.index("thingGetConnectState")
    assert pilot.thing is link
    assert link is not None
    assert link.connects == 1
    assert pilot.ws is socket
    assert pilot.loaded("api")["token"] == token
    expect(webview.page.locator("#login")).to_be_hidden()


def test_an_expired_token_shows_its_code_and_a_new_login_brings_a_new_token(
    webview: Webview,
    tenant: PilotTenant,
    pilot: FakePilot,
) -> None:
    connect(webview, tenant)
    old = pilot.loaded("api")["token"]
    tenant.expire_tokens()

    page = webview.open()
    expect(page.locator("#problem")).to_contain_text("Your login has ended")
    expect(page.locator("#problem-code")).to_have_text("Code 401")
    assert webview.storage == {}
    webview.log_in(tenant.pilot)
    webview.wait_bound()
    assert pilot.loaded("api")["token"] not in ("", old)
    assert pilot.loaded("ws")["token"] == pilot.loaded("api")["token"]
    expect(page.locator("#problem")).to_be_hidden()


def test_a_token_that_ends_while_the_page_is_open_leads_to_the_login(
    webview: Webview,
    tenant: PilotTenant,
) -> None:
    connect(webview, tenant)
    tenant.expire_tokens()
    expect(webview.page.locator("#problem-code")).to_have_text("Code 401", timeout=10 * SECONDS)
    expect(webview.page.get_by_label("Password")).to_be_visible()


def test_a_garbage_token_in_the_storage_is_refused(webview: Webview) -> None:
    page = webview.open()
    page.evaluate("""localStorage.setItem("cloudapi.pilot", JSON.stringify({token: "garbage", userId: "1"}))""")
    page = webview.open()
    expect(page.locator("#problem-code")).to_have_text("Code 401")
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_wrong_password_is_told_and_leaves_the_form(webview: Webview, tenant: PilotTenant) -> None:
    page = webview.open()
    webview.log_in({**tenant.pilot, "password": "wrong"})
    expect(page.locator("#problem-title")).to_have_text("You could not be logged in.")
    expect(page.locator("#problem-code")).to_have_text("Code 401")
    expect(page.get_by_label("Username")).to_have_value(tenant.pilot["username"])
    webview.log_in(tenant.users["operator"])
    expect(page.locator("#problem-code")).to_have_text("Code -1")


def test_a_pilot_of_two_workspaces_chooses_and_may_change(webview: Webview, pilot: FakePilot, tmp_path: Path) -> None:
    tenant = PilotTenant(webview.platform, "Two")
    second = tenant.add_workspace("Quarry")
    pilot.sn, pilot.aircraft_sn = tenant.controller_sn, tenant.aircraft_sn
    page = webview.open()
    webview.log_in(tenant.pilot)
    expect(page.get_by_role("heading", name="Choose the workspace for this flight")).to_be_visible()
    assert pilot.order == []
    check(page, tmp_path, "workspaces-1280-en")
    page.get_by_role("button", name="Quarry").click()
    webview.wait_bound()
    assert pilot.workspace_id == second
    assert pilot.information[1] == "Quarry"
    assert devices(webview.platform, pilot.sn)[0]["workspace_id"] == second

    pilot.calls.clear()
    page.get_by_role("button", name="Change").click()
    assert page.evaluate("djiBridge.onBackClick()") is True
    expect(page.locator("#link")).to_be_visible()
    page.get_by_role("button", name="Change").click()
    page.locator("#workspace-list button:not(:text('Quarry'))").click()
    wait_until(lambda: pilot.workspace_id == tenant.workspace_id, "Pilot knows the other workspace")
    webview.wait_bound()
    unloading = [f"platformUnloadComponent {name}" for name in ("tsa", "ws", "thing", "api")]
    assert [call for call in pilot.order if call != "thingDisconnect"] == [*unloading, *CONNECTING[1:]]
    assert pilot.workspace_id == tenant.workspace_id
    wait_until(
        lambda: devices(webview.platform, pilot.sn)[0]["workspace_id"] == tenant.workspace_id,
        "the controller is in the other workspace",
    )


def test_exit_leaves_nothing_behind(webview: Webview, tenant: PilotTenant, pilot: FakePilot) -> None:
    connect(webview, tenant)
    thing, before = pilot.loaded("thing"), tenant.tokens()
    pilot.calls.clear()
    page = webview.page
    page.get_by_role("button", name="Exit platform").click()
    page.get_by_role("button", name="Stay").click()
    expect(page.locator("#exit-question")).to_be_hidden()
    page.get_by_role("button", name="Exit platform").click()
    page.locator("#exit-yes").click()
    wait_until(lambda: pilot.stopped_itself, "the page has asked Pilot to close it")
    assert pilot.order[-1] == "platformStopSelf"
    assert pilot.components == {}
    assert pilot.thing is None
    assert webview.storage == {}
    assert tenant.tokens() == before - 1
    assert not broker_takes(webview, pilot.sn, thing)
    webview.open()
    expect(webview.page.get_by_label("Password")).to_be_visible()


def broker_takes(webview: Webview, sn: str, thing: dict[str, str]) -> bool:
    account = {
        "sn": sn, "mqtt_host": webview.platform.mqtt_host, "mqtt_port": webview.platform.mqtt_port,
        "mqtt_username": thing["username"], "mqtt_password": thing["password"],
    }  # fmt: skip
    try:
        with Gateway(account):
            return True
    except ConnectionError:
        return False


def test_pilot_stopping_the_platform_ends_the_login(webview: Webview, tenant: PilotTenant) -> None:
    connect(webview, tenant)
    before = tenant.tokens()
    webview.page.evaluate("djiBridge.onStopPlatform()")
    assert webview.storage == {}
    wait_until(lambda: tenant.tokens() == before - 1, "the token is revoked")
