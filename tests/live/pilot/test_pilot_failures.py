"""What can go wrong between Pilot and the platform, and what the page says then."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.live.pilot.fake_bridge import FakePilot
from tests.live.pilot.look import check
from tests.live.pilot.webview import APPLICATION, SECONDS, PilotTenant, Webview

pytestmark = pytest.mark.live


def log_in(webview: Webview, tenant: PilotTenant) -> None:
    webview.open()
    webview.log_in(tenant.pilot)


def test_a_refused_licence(webview: Webview, tenant: PilotTenant, pilot: FakePilot) -> None:
    pilot.switches.licence_refused = True
    log_in(webview, tenant)
    problem = webview.page.locator("#problem")
    expect(problem).to_contain_text("DJI Pilot 2 refused the licence")
    expect(problem).to_contain_text("Code 612001")
    assert pilot.order == ["platformVerifyLicense"]
    assert re.search(r"612001\s+platformVerifyLicense\s+license verify failed", webview.log)

    pilot.switches.licence_refused = False
    webview.page.get_by_role("button", name="Try again").click()
    webview.wait_bound()
    expect(problem).to_be_hidden()


def test_no_dji_application_at_the_organization(webview: Webview) -> None:
    tenant = PilotTenant(webview.platform, "New")
    tenant.shell(
        f"Organization.objects.filter(organization_id={tenant.organization_id!r}).update(app_id=''); print('0')"
    )
    log_in(webview, tenant)
    expect(webview.page.locator("#problem")).to_contain_text("has not entered its DJI application yet")


def test_no_aircraft_is_no_failure(webview: Webview, tenant: PilotTenant, pilot: FakePilot) -> None:
    pilot.switches.no_aircraft = True
    log_in(webview, tenant)
    webview.wait_bound()
    expect(webview.page.locator("#aircraft-sn")).to_have_text("None connected")
    expect(webview.page.locator("#problem")).to_be_hidden()


def test_a_refused_broker_login_says_what_to_check(
    webview: Webview, tenant: PilotTenant, pilot: FakePilot, tmp_path: Path
) -> None:
    pilot.switches.mqtt_refused = True
    log_in(webview, tenant)
    problem = webview.page.locator("#problem")
    expect(problem).to_contain_text("Pilot cannot connect to the MQTT broker", timeout=15 * SECONDS)
    expect(problem).to_contain_text(f"tcp://127.0.0.1:{webview.platform.mqtt_port}")
    expect(problem).to_contain_text("FlightHub 2")
    check(webview.page, tmp_path, "mqtt-1280-en")
    assert "platformLoadComponent ws" not in pilot.order
    assert pilot.thing is not None

    pilot.switches.mqtt_refused = False
    webview.page.get_by_role("button", name="Try again").click()
    webview.wait_bound()
    expect(problem).to_be_hidden()


def test_callbacks_that_never_come_are_not_needed(webview: Webview, tenant: PilotTenant, pilot: FakePilot) -> None:
    pilot.switches.silent_callbacks = True
    log_in(webview, tenant)
    webview.wait_bound()
    expect(webview.page.locator("[data-module=ws] .module-state")).to_have_text("running")
    assert pilot.callbacks == []
    assert "connectCallback" not in webview.log, "the page has heard of the link by asking alone"


def test_odd_answers_are_understood(webview: Webview, tenant: PilotTenant, pilot: FakePilot) -> None:
    pilot.switches.answers = "odd"
    log_in(webview, tenant)
    webview.wait_bound()
    expect(webview.page.locator("#controller-sn")).to_have_text(pilot.sn)
    expect(webview.page.locator("#problem")).to_be_hidden()


@pytest.mark.parametrize(
    ("raw", "true", "accepted", "text"),
    [
        ('"{\\"code\\":0,\\"message\\":\\"\\",\\"data\\":true}"', True, True, ""),
        ('"{\\"code\\":0,\\"data\\":\\"true\\"}"', True, True, "true"),
        ('"{\\"code\\":0,\\"data\\":{}}"', True, True, ""),
        ('"{\\"code\\":0,\\"data\\":\\"4LFCL5S001\\"}"', False, True, "4LFCL5S001"),
        ('"{\\"code\\":-1,\\"message\\":\\"device not connect\\"}"', False, False, ""),
        ('{"code": 0, "data": {"connected": false}}', False, True, ""),
        ('{"code": "0", "data": ""}', False, True, ""),
        ("true", True, True, "true"),
        ("false", False, False, "false"),
        ('"true"', True, True, "true"),
        ('"false"', False, False, "false"),
        ("{}", True, True, ""),
        ('"{}"', True, True, ""),
        ('""', False, True, ""),
        ("null", False, True, ""),
        ("undefined", False, True, ""),
        ('"15810000000000000001"', False, True, "15810000000000000001"),
        ('"not json"', False, True, "not json"),
    ],
)
def test_results_of_every_kind(webview: Webview, raw: str, true: bool, accepted: bool, text: str) -> None:
    page = webview.open()
    found = page.evaluate(
        """(raw) => {
            const bridge = pilot.bridge, result = bridge.parse(eval("(" + raw + ")"));
            return [bridge.isTrue(result), bridge.accepted(result), bridge.text(result)];
        }""",
        raw,
    )
    assert found[:2] == [true, accepted]
    if text not in ("true", "false"):
        assert found[2] == text


def test_the_app_is_killed_and_opened_again(webview: Webview, tenant: PilotTenant, pilot: FakePilot) -> None:
    log_in(webview, tenant)
    webview.wait_bound()
    first = pilot.loaded("thing")["password"]
    webview.page.close()
    pilot.kill()
    pilot.calls.clear()
    webview.open()
    webview.wait_bound()
    assert pilot.order[0] == "platformVerifyLicense"
    assert pilot.order[1] == "platformSetWorkspaceId"
    assert pilot.loaded("thing")["password"] != first
    expect(webview.page.locator("#login")).to_be_hidden()


def test_a_lost_link_is_shown_and_comes_back(webview: Webview, tenant: PilotTenant) -> None:
    log_in(webview, tenant)
    webview.wait_bound()
    link = webview.page.locator("#link")
    webview.platform.kill("broker")
    expect(link).to_have_attribute("data-state", "lost", timeout=10 * SECONDS)
    expect(link).to_contain_text("Pilot connects again by itself")
    webview.platform.start_process("broker")
    expect(link).to_have_attribute("data-state", "up", timeout=20 * SECONDS)


def test_a_lost_socket_is_connected_again(webview: Webview, tenant: PilotTenant, pilot: FakePilot) -> None:
    log_in(webview, tenant)
    webview.wait_bound()
    state = webview.page.locator("[data-module=ws] .module-state")
    expect(state).to_have_text("running")
    assert pilot.ws is not None
    pilot.ws.stop()
    expect(state).to_have_text("loaded, not connected", timeout=10 * SECONDS)
    expect(state).to_have_text("running", timeout=40 * SECONDS)


def test_a_controller_of_another_organization_is_refused(
    webview: Webview, tenant: PilotTenant, pilot: FakePilot
) -> None:
    log_in(webview, tenant)
    webview.wait_bound()
    webview.page.evaluate("djiBridge.onStopPlatform()")
    pilot.kill()
    log_in(webview, PilotTenant(webview.platform, "Others"))
    problem = webview.page.locator("#problem")
    expect(problem).to_contain_text("This controller cannot join the workspace", timeout=10 * SECONDS)
    expect(webview.page.locator("#problem-message")).not_to_be_empty()
    assert "platformLoadComponent thing" not in pilot.order[-6:]


def test_a_platform_that_does_not_answer(webview: Webview, tenant: PilotTenant) -> None:
    log_in(webview, tenant)
    webview.wait_bound()
    webview.context.route("**/manage/api/v1/workspaces/current", lambda route: route.abort())
    page = webview.open()
    expect(page.locator("#problem")).to_contain_text("The platform does not answer")
    expect(page.locator("#problem")).to_contain_text(webview.platform.http_url)
    webview.context.unroute("**/manage/api/v1/workspaces/current")
    page.get_by_role("button", name="Try again").click()
    webview.wait_bound()


def test_the_log_lists_every_step_and_no_secret(webview: Webview, tenant: PilotTenant, pilot: FakePilot) -> None:
    log_in(webview, tenant)
    webview.wait_bound()
    page = webview.page
    page.get_by_role("button", name="Show all").click()
    shown = page.locator("#log-list").inner_text()
    webview.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy log").click()
    expect(page.locator("#log-last")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    for name, args in pilot.calls:
        assert name in shown
        assert name in copied
        if name == "platformLoadComponent":
            assert f"{name} {args[0]}" in copied
    thing = pilot.loaded("thing")
    secrets = [*APPLICATION.values(), tenant.pilot["password"], thing["password"], pilot.loaded("api")["token"]]
    assert [secret for secret in secrets if secret in copied or secret in shown] == []
    assert json.dumps(webview.storage).count(thing["password"]) == 0
