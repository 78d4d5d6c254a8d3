"""`manage.py simulate fleet` on a running platform: it binds and flies, is found again, and can be taken away."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudapi.platform import processes
from mqtt_bridge import fleet
from tests.commands import CommandFailed
from tests.live.plain_client import Connect
from tests.live.tenants import Tenant, devices, shell
from tests.platform import Platform
from tests.processes import Child, wait_until

pytestmark = pytest.mark.live
DOCKS, CONTROLLERS = 5, 3
GATEWAYS = [*fleet.dock_sns(DOCKS), *fleet.controller_sns(CONTROLLERS)]
EVERYBODY = [*GATEWAYS, *map(fleet.aircraft_sn, GATEWAYS)]

#: What there is of a workspace, of the whole platform where it is about the fleet's names.
ROWS = """
import json
from devices.models import Device
from mqtt_bridge.models import MqttCredential
from workspaces.models import AuditEntry, BindCode
codes = BindCode.objects.unscoped().filter(workspace__workspace_id="%s")
print(json.dumps({
    "devices": sorted(Device.objects.unscoped().filter(sn__startswith="FLEET-").values_list("sn", flat=True)),
    "accounts": {row.gateway_sn: row.password for row in
                 MqttCredential.objects.unscoped().filter(gateway_sn__startswith="FLEET-")},
    "codes": codes.count(),
    "open codes": codes.filter(revoked_at=None).count(),
    "bound": AuditEntry.objects.filter(action="device.bound", target__startswith="FLEET-").count(),
}))
"""


@pytest.fixture(scope="module")
def tenant(platform: Platform) -> Iterator[Tenant]:
    tenant = Tenant(platform, "Fleet owner")
    yield tenant
    platform.run("simulate", "fleet", "--remove", "--workspace", tenant.workspace_id)


def run(platform: Platform, tenant: Tenant, log: Path) -> str:
    """Runs the fleet until all of it is connected, bound and online, then stops it; what it has said."""
    numbers = ("--docks", str(DOCKS), "--controllers", str(CONTROLLERS))
    command = processes.manage("simulate", "fleet", *numbers, "--workspace", tenant.workspace_id, "--speedup", "20")
    child = Child(command, log, env=platform.env)
    child.start()
    try:
        wait_until(lambda: "connected 8/8, docks bound 5/5" in log.read_text(), "the fleet is bound")
        wait_until(lambda: all(row["online"] for row in devices(platform, *EVERYBODY)), "everybody is online", every=1)
    finally:
        child.stop()
    return log.read_text()


def rows(platform: Platform, tenant: Tenant) -> dict[str, Any]:
    found: dict[str, Any] = shell(platform, ROWS % tenant.workspace_id)
    return found


def test_a_fleet_binds_is_found_again_and_leaves_nothing(
    platform: Platform, tenant: Tenant, tmp_path: Path, connect: Connect
) -> None:
    said = run(platform, tenant, tmp_path / "first")
    assert "new: 8" in said
    summary = re.search(r"summary: connected 8/8, docks bound 5/5, flying (\d), (\d+) messages/s(.*)", said)
    assert summary, said
    assert int(summary[2]) > 5
    assert "✗" not in summary[3]
    for row in devices(platform, *EVERYBODY):
        assert row["workspace_id"] == tenant.workspace_id
        assert row["gateway_sn"] == (row["sn"].removesuffix("-AIR") if row["kind"] == "aircraft" else None)
    assert Counter(row["kind"] for row in devices(platform, *EVERYBODY)) == {"aircraft": 8, "dock": 5, "controller": 3}
    first = rows(platform, tenant)
    assert first["devices"] == sorted(EVERYBODY)
    assert sorted(first["accounts"]) == sorted(GATEWAYS)
    assert (first["codes"], first["open codes"]) == (1, 0)

    assert "new: 0" in run(platform, tenant, tmp_path / "second")
    assert rows(platform, tenant) == first

    other = Tenant(platform, "Somebody else")
    with pytest.raises(CommandFailed, match="another organization"):
        platform.run("simulate", "fleet", "--workspace", other.workspace_id)

    platform.run("simulate", "fleet", "--remove", "--workspace", tenant.workspace_id)
    left = rows(platform, tenant)
    assert (left["devices"], left["accounts"]) == ([], {})
    dock = connect(platform.mqtt_port, GATEWAYS[0], first["accounts"][GATEWAYS[0]])
    assert dock.connections == ["Not authorized"]
