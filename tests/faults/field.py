"""A platform with its own PostgreSQL, two organizations, many docks with accounts, and a fleet that watches it."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from cloudapi.platform import servers
from tests.faults.fleet import Account, Dock, Fleet
from tests.faults.watch import Watch
from tests.live.browser_session import log_in
from tests.live.tenants import Tenant, new_sn, shell
from tests.platform import Platform
from tests.servers import PostgreSQL

_ISSUE = """
import json
from mqtt_bridge import credentials
from workspaces.models import Workspace
workspace = Workspace.objects.unscoped().get(workspace_id={workspace_id!r})
made = credentials.issue(sns={sns!r}, workspace=workspace, model_key="3-2-0")
print(json.dumps([[one.gateway_sn, one.password] for one in made]))
"""
_SETTLE = """
from django.utils import timezone
from devices.models import Device
from workspaces.models import Workspace
workspace = Workspace.objects.unscoped().get(workspace_id={workspace_id!r})
docks = Device.objects.unscoped().filter(sn__in={sns!r})
Device.objects.bulk_create(
    [Device(sn="AIR" + dock.sn, domain=0, type=91, sub_type=0, gateway=dock) for dock in docks]
)
rows = Device.objects.unscoped().filter(sn__in=[sn for dock in {sns!r} for sn in (dock, "AIR" + dock)])
print(rows.update(workspace=workspace, bound_at=timezone.now()))
"""
_OWNERS = """
SELECT device.sn, organization.organization_id FROM devices_device device
JOIN workspaces_workspace workspace ON workspace.id = device.workspace_id
JOIN workspaces_organization organization ON organization.id = workspace.organization_id
"""


class Field:
    """`tenants` are the organizations; `docks()` hands out docks that nobody has used yet."""

    def __init__(self, platform: Platform, postgres: PostgreSQL, tenants: Sequence[Tenant], fleet: Fleet) -> None:
        self.platform, self.postgres, self.tenants, self.fleet = platform, postgres, tenants, fleet
        self.watch = fleet.watch
        self.used: list[Dock] = []
        self._new: Iterator[Account] = iter(())
        self._settled: Iterator[Account] = iter(())

    def docks(self, number: int) -> list[Dock]:
        """Docks that nobody has bound yet."""
        return self._take(self._new, number)

    def settled_docks(self, number: int) -> list[Dock]:
        """Docks that are bound with their aircraft, and for which the broker has started with all their rights."""
        taken = self._take(self._settled, number)
        for dock in taken:
            dock.bound = True
        return taken

    def _take(self, accounts: Iterator[Account], number: int) -> list[Dock]:
        taken = [Dock(self.fleet, account, f"AIR{account.sn}") for account in itertools.islice(accounts, number)]
        assert len(taken) == number, "not enough accounts were made"
        self.used += taken
        return taken

    def prepare(self, new: int, settled: int) -> None:
        """Make accounts and devices; before the broker starts."""
        self._new, self._settled = self._issue(new), self._issue(settled, settle=True)

    def _issue(self, number: int, *, settle: bool = False) -> Iterator[Account]:
        """So many accounts, in turn of the organizations."""
        if not number:
            return iter(())
        each = []
        for tenant in self.tenants:
            sns = [new_sn("DOCK") for _ in range(number // len(self.tenants))]
            code = tenant.code(docks=9999)
            made = shell(self.platform, _ISSUE.format(workspace_id=tenant.workspace_id, sns=sns))
            if settle:
                shell(self.platform, _SETTLE.format(workspace_id=tenant.workspace_id, sns=sns))
            each.append([Account(sn, password, tenant.organization_id, code) for sn, password in made])
        return itertools.chain.from_iterable(zip(*each, strict=True))

    def owners(self) -> dict[str, str]:
        """SN → organization, of everything that is bound."""
        with psycopg.connect(self.platform.env["DATABASE_URL"]) as connection:
            return dict(connection.execute(_OWNERS).fetchall())

    def timeline(self, sn: str) -> list[tuple[str, str]]:
        """(event, detail) of a device, oldest first."""
        query = (
            "SELECT event, detail FROM devices_timelineentry entry JOIN devices_device device "
            "ON device.id = entry.device_id WHERE device.sn = %s ORDER BY entry.id"
        )
        with psycopg.connect(self.platform.env["DATABASE_URL"]) as connection:
            return connection.execute(query, [sn]).fetchall()


@contextmanager
def prepared(
    directory: Path, mosquitto: servers.Mosquitto, static_root: str, *, new: int, settled: int
) -> Iterator[Field]:
    """A running platform whose broker knows so many docks."""
    postgres = PostgreSQL()
    # What was committed must survive SIGKILL of PostgreSQL; only a crash of the machine would need fsync.
    postgres.child.argv += ["-c", "synchronous_commit=on"]
    platform: Platform | None = None
    try:
        postgres.start()
        platform = Platform(directory, mosquitto, DATABASE_URL=postgres.create_database(), STATIC_ROOT=static_root)
        tenants = [Tenant(platform, name, users=True) for name in ("North", "South")]
        watch = Watch(platform.http_url)
        with Fleet(platform.mqtt_host, platform.mqtt_port, watch) as fleet:
            made = Field(platform, postgres, tenants, fleet)
            made.prepare(new, settled)
            platform.start()
            platform.children["postgres"] = postgres.child
            for tenant in tenants:
                fleet.begin(watch.follow(tenant.workspace_id, log_in(platform.http_url, tenant.users["operator"])))
            fleet.begin(watch.audit())
            yield made
    finally:
        if platform is not None:
            platform.children.pop("postgres", None)
            platform.stop()
        postgres.stop()
