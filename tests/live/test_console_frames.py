"""What the console makes of frames that a healthy fleet seldom sends: the test speaks for the server's end."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Script, browser, device, log_in, now_ms, organization, page  # noqa: F401
from tests.platform import Platform

pytestmark = pytest.mark.live


@pytest.fixture
def script(page: Page) -> Script:  # noqa: F811
    script = Script()
    script.attach(page)
    return script


@pytest.fixture
def console(page: Page, script: Script, platform: Platform, organization: dict[str, Any]) -> Page:  # noqa: F811
    log_in(page, platform, organization)
    expect(page.locator("#status")).to_have_attribute("data-state", "live")
    return page


def node(console: Page, sn: str) -> Any:
    return console.locator(f'.node[data-sn="{sn}"] > .row')


def fact(console: Page, sn: str, key: str) -> Any:
    return node(console, sn).locator(f"[data-fact={key}] .fact-text")


def test_values_that_cannot_be_are_not_shown_as_true(console: Page, script: Script) -> None:
    impossible = {"latitude": 26836624.6, "longitude": 12.0, "battery": {"capacity_percent": 32767}, "elevation": 65535}
    script.send(
        "delta",
        [
            device("ZERO", values={"latitude": 0, "longitude": 0, "mode_code": 27, "battery": None}),
            device("WILD", values={**impossible, "mode_code": "5", "horizontal_speed": None}),
            device("NEW", kind="robot", model="9-9-9", model_key="9-9-9", callsign="", values=None),
        ],
    )
    expect(fact(console, "ZERO", "position")).to_have_text("no fix")
    expect(fact(console, "ZERO", "mode")).to_have_text("mode 27")
    expect(fact(console, "ZERO", "battery")).to_have_text("—")
    for key, text in {"position": "no fix", "battery": "—", "height": "—", "speed": "—", "mode": "—"}.items():
        expect(fact(console, "WILD", key)).to_have_text(text)
    expect(node(console, "NEW")).to_contain_text("Unknown model 9-9-9")
    expect(console.locator(".mark")).to_have_count(0)


def test_markup_from_a_device_stays_text(console: Page, script: Script) -> None:
    markup = "<img src=x onerror=\"document.title='taken'\">"
    values = {
        markup: markup,
        "mode_code": markup,
        "__proto__": {"polluted": 1},
        "constructor": {"a": [1, {"b": markup}]},
    }
    script.send("delta", [device("EVIL", callsign=markup, model=markup, values=values)])
    node(console, "EVIL").get_by_role("button").click()
    expect(console.locator("#details-title")).to_have_text(markup)
    expect(console.locator("#details-values")).to_contain_text("constructor.a[1].b")
    expect(console.locator("img")).to_have_count(0)
    assert "taken" not in console.title()
    assert console.evaluate("({}).polluted") is None


def test_a_delta_changes_only_what_it_names(console: Page, script: Script) -> None:
    dock = device("DOCK", kind="dock", callsign="Roof", values={"mode_code": 0, "cover_state": 0})
    flying = device("BIRD", gateway_sn="DOCK", values={"mode_code": 5, "latitude": 46.9, "longitude": 7.4})
    script.send("snapshot", [dock, flying])
    script.send("delta", [{"sn": "BIRD", "values": {"latitude": 46.90123}}, {"sn": "DOCK", "values": {"mode_code": 4}}])
    expect(fact(console, "BIRD", "position")).to_have_text("46.90123, 7.40000")
    expect(fact(console, "BIRD", "mode")).to_have_text("Flying a wayline")
    expect(fact(console, "DOCK", "mode")).to_have_text("Working")
    expect(fact(console, "DOCK", "cover")).to_have_text("Closed")
    expect(console.locator("#summary")).to_have_text("2 of 2 online")
    expect(console.locator('.node[data-sn="DOCK"] .tree-children .node')).to_have_count(1)

    script.send("delta", [{"sn": "BIRD", "online": False, "offline_reason": "left_gateway", "gateway_sn": None}])
    expect(node(console, "BIRD")).to_contain_text("no longer connected to its gateway")
    expect(console.locator("#tree > .node")).to_have_count(2)
    script.send("delta", [{"sn": "BIRD", "online": False, "offline_reason": "abducted"}])
    expect(node(console, "BIRD")).to_contain_text("abducted")
    script.send("delta", [{"sn": "BIRD", "removed": True}])
    expect(node(console, "BIRD")).to_have_count(0)


def test_all_values_are_asked_for_while_a_device_is_open(console: Page, script: Script) -> None:
    table = console.locator("#details-values")
    script.devices = [device("ONE", values={"battery": {"capacity_percent": 50}}), device("TWO")]
    script.send("snapshot", script.devices)
    node(console, "ONE").get_by_role("button").click()
    expect(table).to_contain_text("battery.capacity_percent")
    script.send("details", [{"sn": "ONE", "values": {"gear": 7, "battery": {"capacity_percent": 51, "loop": 9}}}])
    expect(table).to_contain_text("battery.loop")
    script.send("delta", [{"sn": "ONE", "values": {"battery": {"capacity_percent": 49}}}])
    expect(fact(console, "ONE", "battery")).to_have_text("49 %")
    expect(table).to_contain_text("battery.loop")  # what the list shows does not shorten the details
    script.send("details", [{"sn": "NOBODY", "values": {"gear": 1}}])

    node(console, "TWO").get_by_role("button").click()
    expect(table).not_to_contain_text("gear")
    asked = [{"type": "open", "sn": "ONE"}, {"type": "close", "sn": "ONE"}, {"type": "open", "sn": "TWO"}]
    assert script.heard == asked
    console.keyboard.press("Escape")
    node(console, "ONE").get_by_role("button").click()
    expect(table).not_to_contain_text("gear")  # it has not been told since
    expect(console.locator(".node")).to_have_count(2)

    script.heard.clear()
    script.sockets[-1].close(code=4503)
    console.wait_for_timeout(100)
    expect(console.locator("#status")).to_have_attribute("data-state", "live", timeout=20_000)
    wait_for = {"type": "open", "sn": "ONE"}
    expect(table).to_be_visible()
    assert wait_for in script.heard


def test_ages_follow_the_clock_of_the_server(console: Page, script: Script) -> None:
    hour_ahead = now_ms() + 3_600_000
    script.send("snapshot", [device("LATE", last_seen_at=hour_ahead - 300_000)], at=hour_ahead)
    expect(node(console, "LATE").locator(".row-heard")).to_have_text("heard 5 min ago")


def test_a_snapshot_of_devices_that_were_not_heard_lately_is_stale(console: Page, script: Script) -> None:
    script.send("snapshot", [device("MUTE", last_seen_at=now_ms() - 12_000)])
    expect(console.locator("#status")).to_have_attribute("data-state", "stale")
    expect(console.locator("#banner")).to_contain_text("no device has been heard since")
    expect(console.locator("#announcer")).to_contain_text("Stale since")
    script.send("delta", [{"sn": "MUTE", "last_seen_at": now_ms(), "values": {"mode_code": 0}}])
    expect(console.locator("#status")).to_have_attribute("data-state", "live")
    expect(console.locator("#banner")).to_be_hidden()


def test_a_lost_connection_comes_back_and_drops_what_is_gone(console: Page, script: Script) -> None:
    script.send("snapshot", [device("GONE"), device("STAYS")])
    expect(console.locator("#tree .node")).to_have_count(2)
    script.devices = [device("STAYS")]
    script.sockets[-1].close(code=4503)
    expect(console.locator("#status")).to_contain_text("Reconnecting in")
    expect(console.locator("#tree .node")).to_have_count(1)
    expect(console.locator("#status")).to_have_attribute("data-state", "live")


def test_a_member_who_was_removed_is_told(console: Page, script: Script) -> None:
    script.sockets[-1].close(code=4403)
    expect(console.locator("#banner")).to_contain_text("not a member of this workspace any more")
    expect(console.locator("#status")).to_have_text("Ended")
    expect(console.get_by_role("link", name="Continue")).to_have_attribute("href", "/")


def test_the_keyboard_reaches_everything(console: Page, script: Script) -> None:
    script.send("snapshot", [device("A", values={"mode_code": 1}), device("B", values={"gear": 1})])
    console.get_by_role("button", name="Call A").focus()
    console.keyboard.press("ArrowDown")
    console.keyboard.press("Enter")
    expect(console.locator("#details-title")).to_be_focused()
    expect(console.locator("#details-values")).to_contain_text("gear")
    script.send("delta", [{"sn": "A", "values": {"mode_code": 2}}, {"sn": "B", "values": {"gear": 2}}])
    expect(console.locator("#details-values td")).to_have_text(["2"])
    expect(console.locator("#details-title")).to_be_focused()
    console.keyboard.press("Escape")
    expect(console.get_by_role("button", name="Call B")).to_be_focused()
    expect(console.locator("#details")).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1200), (390, 844)])
def test_nothing_sticks_out_at_any_size(console: Page, script: Script, width: int, height: int) -> None:
    long = "W" * 90
    script.send(
        "snapshot",
        [device("S" * 64, callsign=long, model=long, values={"x" * 90: "y" * 400, "latitude": 1, "longitude": 2})],
    )
    console.set_viewport_size({"width": width, "height": height})
    console.locator(".row-name").click()
    expect(console.locator("#details-title")).to_be_in_viewport()
    assert console.evaluate("document.documentElement.scrollWidth") <= width
    body = console.locator(".details-body")
    assert body.evaluate("body => body.scrollWidth <= body.clientWidth")


def test_the_plan_shows_who_has_a_position_and_selects_by_click(console: Page, script: Script) -> None:
    here = {"latitude": 46.9, "longitude": 7.4}
    script.send(
        "snapshot",
        [
            device("D", kind="dock", callsign="Roof", values=here),
            device("F", gateway_sn="D", values={"latitude": 46.902, "longitude": 7.4, "attitude_head": -90}),
            device("X", values={}),
        ],
    )
    expect(console.locator(".mark")).to_have_count(2)
    expect(console.locator(".mark.aircraft path")).to_have_attribute("transform", re.compile(r"rotate\(270\)"))
    expect(console.locator("#plan-scale-text")).to_have_text(re.compile(r"^\d+ m$"))
    script.send("delta", [{"sn": "F", "values": {"latitude": 46.903}}])
    expect(console.locator('.trail.old[points*=","]')).to_have_count(1)
    console.locator(".mark.dock .backing").click()
    expect(console.locator("#details-title")).to_have_text("Roof")
    expect(console.locator('.row-name[aria-current="true"]')).to_have_text("Roof")
