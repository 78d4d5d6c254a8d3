"""Browsers go on when a part of the platform was killed, and learn of what was announced to nobody."""

import itertools
import signal
import time

import pytest

from tests.live.browser_session import Page
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, new_sn, shell, supervised
from tests.live.websocket.scene import bind
from tests.platform import Platform

pytestmark = pytest.mark.live


@pytest.mark.parametrize("part", ["web", "mqtt_worker", "valkey"])
def test_it_goes_on_after_a_part_was_killed(
    part: str, lively: Platform, page: Page, acme: Tenant, codes: dict[Tenant, str], operator: str
) -> None:
    with acme.dock() as dock:
        bind(acme, codes[acme], dock)
        dock.telemetry(dock.sn, {"before": 1})
        page.until(lambda: page.value(dock.sn, "before") == 1, "values arrive before")
        lively.kill(part, signal.SIGKILL)
        dock.telemetry(dock.sn, {"meanwhile": 2})
        lively.start_process(part)
        began, numbers = time.monotonic(), itertools.count(1)

        def arrives() -> bool:
            supervised(lively)
            dock.telemetry(dock.sn, {"after": next(numbers)})
            return bool(page.value(dock.sn, "after"))

        page.until(arrives, "values arrive again", 30)
        print(f"\n{part}: live again after {time.monotonic() - began:.1f} s, {page.connections} connections")  # noqa: T201
        with Page(lively.http_url, acme.workspace_id, operator) as later:
            later.until(lambda: later.value(dock.sn, "meanwhile") == 2, "nothing of the time between is lost")
            assert later.devices[dock.sn]["values"].items() >= {"before": 1, "meanwhile": 2}.items()


def test_what_nobody_announced_is_shown_all_the_same(lively: Platform, page: Page, dock: Gateway) -> None:
    """As when a process is killed between its commit and telling. The worker finds out about the second alone,
    and not so soon."""
    page.until(lambda: dock.sn in page.devices, "the dock appears")
    aircraft = new_sn("AIR")
    shell(
        lively,
        f"""
from devices.models import Device
dock = Device.objects.unscoped().get(sn={dock.sn!r})
Device.objects.unscoped().filter(pk=dock.pk).update(callsign="Renamed silently")
Device.objects.create(sn={aircraft!r}, domain=0, gateway=dock, workspace=dock.workspace)
print(1)
""",
    )
    page.until(lambda: page.devices[dock.sn]["callsign"] == "Renamed silently", "its new name", 10)
    page.until(lambda: page.devices.get(aircraft, {}).get("gateway_sn") == dock.sn, "the new aircraft", 10)
    shell(
        lively,
        f"""
from devices.models import Device
print(Device.objects.unscoped().filter(sn={aircraft!r}).update(workspace=None))
""",
    )
    page.until(lambda: aircraft not in page.devices, "it has left", 10)
    assert page.connections == 1
