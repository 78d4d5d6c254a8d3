"""Who may look at a workspace, and that nobody is shown anything of another one."""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.live.browser_session import Page, log_in, socket
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, new_sn, shell
from tests.live.websocket.scene import bind, topology, values_of
from tests.platform import Platform

pytestmark = pytest.mark.live


@pytest.mark.parametrize("role", ["admin", "pilot", "viewer"])
def test_every_member_sees_the_workspace(lively: Platform, acme: Tenant, role: str) -> None:
    cookie = log_in(lively.http_url, acme.users[role])
    with Page(lively.http_url, acme.workspace_id, cookie) as opened:
        assert opened.frames[0][1]["type"] == "snapshot"


def test_others_are_refused(lively: Platform, acme: Tenant, other: Tenant, operator: str) -> None:
    stranger = log_in(lively.http_url, other.users["admin"])
    path, nowhere = f"/ws/workspaces/{acme.workspace_id}/", "/ws/workspaces/00000000-0000-4000-8000-000000000000/"
    attempts: list[tuple[str, dict[str, Any]]] = [
        (path, {"cookie": stranger}),
        (path, {}),
        (path, {"cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"}),
        (path, {"cookie": operator, "origin": "https://evil.example"}),
        (path, {"cookie": operator, "origin": "null"}),
        (nowhere, {"cookie": operator}),
        ("/ws/unknown/", {"cookie": operator}),
    ]
    for where, options in attempts:
        with pytest.raises(InvalidStatus) as refused:
            socket(lively.http_url, where, **options)
        assert refused.value.response.status_code == 403, (where, options)


def test_nothing_of_another_organization_arrives(
    acme: Tenant, other: Tenant, codes: dict[Tenant, str], page: Page, dock: Gateway, lively: Platform
) -> None:
    cookie = log_in(lively.http_url, other.users["operator"])
    aircraft = new_sn("AIR")
    with other.dock() as stranger, Page(lively.http_url, other.workspace_id, cookie) as others:
        bind(other, codes[other], stranger)
        stranger.topology(topology(aircraft))
        for number in range(1, 6):
            stranger.telemetry(stranger.sn, {"secret": number})
            stranger.telemetry(aircraft, {"secret": number})
            dock.telemetry(dock.sn, {"ours": number})
            # Each claims the other's serial number in what it sends.
            dock.publish(f"thing/product/{dock.sn}/osd", f'{{"gateway":"{stranger.sn}","data":{{"claimed":{number}}}}}')
            page.read(0.2)
        others.until(lambda: others.value(aircraft, "secret") == 5, "theirs arrive at them")
        page.until(lambda: page.value(dock.sn, "claimed") == 5, "ours arrive at us")
        page.read(0.6)
        others.read(0.1)
    assert not {stranger.sn, aircraft} & page.devices.keys()
    assert others.devices.keys() == {stranger.sn, aircraft}
    assert "secret" not in str(page.frames)
    assert stranger.sn not in str(page.frames)
    assert dock.sn not in str(others.frames)


def test_what_is_not_in_the_workspace_cannot_be_opened(
    acme: Tenant, other: Tenant, codes: dict[Tenant, str], dock: Gateway, lively: Platform, operator: str
) -> None:
    with (
        other.dock() as stranger,
        Page(lively.http_url, acme.workspace_id, operator, query="?detail=summary") as browser,
    ):
        bind(other, codes[other], stranger)
        for sn in (stranger.sn, "NO-SUCH-SN", dock.sn):
            browser.say({"type": "open", "sn": sn})
        browser.until(lambda: dock.sn in browser.details, "ours opens")
        for number in range(4):
            stranger.telemetry(stranger.sn, {"secret": number, "mode_code": number})
            dock.telemetry(dock.sn, {"ours": number})
            browser.read(0.3)
        browser.until(lambda: browser.details[dock.sn].get("ours") == 3, "ours is followed")
        assert stranger.sn not in str(browser.frames)
        assert browser.details.keys() == {dock.sn}

        code = "from devices import ownership\nfrom devices.models import Device\n"
        code += f'ownership.release(device=Device.objects.unscoped().get(sn="{dock.sn}"))\nprint(1)'
        shell(lively, code)
        browser.until(lambda: dock.sn not in browser.devices, "a released device disappears")
        told = len(values_of(browser, dock.sn, "details"))
        dock.telemetry(dock.sn, {"ours": 99})
        browser.say({"type": "open", "sn": dock.sn})
        browser.read(1.5)
        assert len(values_of(browser, dock.sn, "details")) == told


def test_a_new_owner_is_shown_nothing_that_a_device_said_before(
    acme: Tenant, other: Tenant, dock: Gateway, page: Page, lively: Platform
) -> None:
    dock.telemetry(dock.sn, {"latitude": 46.95, "longitude": 7.45, "height": 560, "alarm_state": 1})
    page.until(lambda: page.value(dock.sn, "height") == 560, "the former owner sees it")
    shell(
        lively,
        f"""
from devices import ownership
from devices.models import Device
from workspaces.models import Workspace
ownership.release(device=Device.objects.unscoped().get(sn={dock.sn!r}))
ownership.claim(sns=[{dock.sn!r}], workspace=Workspace.objects.unscoped().get(workspace_id={other.workspace_id!r}))
print(1)
""",
    )
    theirs = log_in(lively.http_url, other.users["operator"])
    for query in ("", "?detail=summary"):
        with Page(lively.http_url, other.workspace_id, theirs, query=query) as opened:
            opened.say({"type": "open", "sn": dock.sn})
            opened.read(1.0)
            assert opened.devices[dock.sn]["values"] == {}
            assert opened.details.get(dock.sn, {}) == {}
