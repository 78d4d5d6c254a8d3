"""The story of a device in the console's details, and the warning about a gateway's clock, in Chromium."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cloudapi.platform import processes
from tests.browser import Script, browser, device, log_in, organization, page  # noqa: F401
from tests.platform import Platform
from tests.processes import Child

pytestmark = pytest.mark.live
SECONDS = 1000.0
StartDock = Callable[..., tuple[str, Child]]


@pytest.fixture
def start_dock(platform: Platform, organization: dict[str, Any], tmp_path: Path) -> Iterator[StartDock]:  # noqa: F811
    """Starts a simulated dock that binds: start_dock(callsign, *options) → its SN and its process."""
    started: list[Child] = []

    def start(callsign: str, *more: str) -> tuple[str, Child]:
        sn = f"STORY{secrets.token_hex(4).upper()}"
        workspace = organization["workspace_id"]
        gateway = platform.manage("add_gateway", sn, "--model", "3-2-0", "--workspace", workspace)["gateways"][0]
        code = platform.manage("issue_bind_code", "--workspace", workspace)["bind_code"]
        options = {
            "--sn": sn, "--callsign": callsign, "--username": gateway["mqtt_username"],
            "--password": gateway["mqtt_password"], "--organization-id": organization["organization_id"],
            "--bind-code": code,
        }  # fmt: skip
        arguments = [*(part for option in options.items() for part in option), *more]
        started.append(Child(processes.manage("simulate", "dock", *arguments), tmp_path / sn, env=platform.env))
        started[-1].start()
        return sn, started[-1]

    yield start
    for child in started:
        child.stop()


def open_details(page: Page, name: str) -> None:  # noqa: F811
    button = page.locator("#tree").get_by_role("button", name=name, exact=True)
    expect(button).to_be_visible(timeout=30 * SECONDS)
    button.click()
    expect(page.locator("#details-title")).to_have_text(name)


def newest(page: Page, place: int = 0) -> Any:  # noqa: F811
    return page.locator("#details-timeline li").nth(place)


def test_the_details_tell_how_an_aircraft_left_and_returned(
    platform: Platform,
    organization: dict[str, Any],  # noqa: F811
    start_dock: StartDock,
    page: Page,  # noqa: F811
) -> None:
    log_in(page, platform, organization)
    sn, _child = start_dock("Harbour north", "--leave-after", "12", "--return-after", "6")
    open_details(page, "Harbour north aircraft")
    story = page.locator("#details-timeline")
    expect(story).to_contain_text("Came online: dock Harbour north reported it in its topology")
    expect(newest(page)).to_contain_text(
        "Left: dock Harbour north reported a topology without it", timeout=40 * SECONDS
    )
    expect(newest(page)).to_contain_text(
        "Came online: dock Harbour north reported it in its topology, after", timeout=40 * SECONDS
    )
    lines = story.locator("li")
    expect(lines).to_have_count(4)
    expect(lines.last).to_contain_text("Joined workspace")
    expect(lines.last).to_contain_text("with a bind code")
    expect(page.locator("#timeline-note")).to_be_hidden()

    told = page.locator("#tree").locator(".tree-children .node").first.get_attribute("data-sn")
    printed = platform.run("timeline", str(told)).splitlines()
    shown = [line.locator("span").inner_text() for line in lines.all()]
    assert [line[30:].strip() for line in printed] == shown[::-1]
    # The dock may be heard before it is bound.
    assert {"online", "joined_workspace"} == {line["event"] for line in platform.manage("timeline", sn)["lines"]}


def test_a_short_loss_of_the_connection_is_told_and_changes_nothing_else(
    platform: Platform,
    organization: dict[str, Any],  # noqa: F811
    start_dock: StartDock,
    page: Page,  # noqa: F811
) -> None:
    log_in(page, platform, organization)
    _sn, child = start_dock("Quarry")
    open_details(page, "Quarry")
    expect(page.locator("#details-timeline")).to_contain_text("Came online: ", timeout=20 * SECONDS)
    child.kill()
    expect(newest(page)).to_contain_text("Lost its connection to the broker; 30 s of grace", timeout=25 * SECONDS)
    child.start()
    expect(newest(page)).to_contain_text(", stayed online", timeout=30 * SECONDS)
    expect(newest(page)).to_contain_text("Back after")
    expect(page.locator("#details-explanation")).to_contain_text("Online.")


def test_a_wrong_clock_is_a_warning(
    platform: Platform,
    organization: dict[str, Any],  # noqa: F811
    start_dock: StartDock,
    page: Page,  # noqa: F811
) -> None:
    log_in(page, platform, organization)
    sn, _child = start_dock("Slow clock", "--misbehave", "skew=-7390000")
    open_details(page, "Slow clock")
    row = page.locator(f'.node[data-sn="{sn}"] > .row .row-warning')
    expect(row).to_have_text("Clock is 2 h 3 min behind", timeout=30 * SECONDS)
    warning = page.locator("#details-clock")
    expect(warning).to_contain_text("Clock is 2 h 3 min behind")
    expect(warning).to_contain_text("Check the NTP server in the organization's settings")
    expect(page.locator(".tree-children .row-warning:not(:empty)")).to_have_count(0)


def test_what_the_clock_says_follows_the_frames(
    platform: Platform,
    organization: dict[str, Any],  # noqa: F811
    page: Page,  # noqa: F811
) -> None:
    script = Script()
    script.attach(page)
    log_in(page, platform, organization)
    warning = page.locator('.node[data-sn="DOCK"] > .row .row-warning')
    for skew, text in {
        None: "", 5000: "", -5200: "Clock is 5.2 s ahead", 61_000: "Clock is 1 min 1 s behind", -5000: "",
        93_600_000: "Clock is 1 d 2 h behind", "soon": "",
    }.items():  # fmt: skip
        script.send("delta", [device("DOCK", kind="dock", callsign="Roof", clock_skew_ms=skew)])
        expect(warning).to_have_text(text)
    open_details(page, "Roof")
    expect(page.locator("#details-clock")).to_be_hidden()
    expect(page.locator("#timeline-note")).to_have_text("The timeline could not be loaded.")
