"""Who attacks whom: organization A is the victim, organization B the attacker, on one platform.

Each has a dock with an aircraft that are bound and online, another such pair that is away, a dock with an account that
is not bound, and members of all roles. A has also a code that nobody has used, and things that nobody outside may read.
"""

import contextlib
import secrets
from types import TracebackType
from typing import Any, Self

import psycopg

from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos, new_sn, server_account, shell
from tests.platform import Platform

_SECRETS = """
import json
from devices.models import Device
from workspaces.models import Membership, Organization, Workspace
workspace = Workspace.objects.unscoped().get(workspace_id="{workspace_id}")
Workspace.objects.unscoped().filter(pk=workspace.pk).update(name="{hidden}-workspace", description="{hidden}-text")
organization = workspace.organization
organization.app_id, organization.app_key, organization.app_license = "{hidden}-id", "{hidden}-key", "{hidden}-licence"
organization.save()
for member in Membership.objects.in_workspace(workspace).select_related("user"):
    member.user.first_name, member.user.email = "{hidden}-name", "{hidden}@example.org"
    member.user.save(update_fields=["first_name", "email"])
Device.objects.create(sn="{spare}", workspace=workspace, domain=0, type=91, sub_type=0)
Device.objects.in_workspace(workspace).update(callsign="{hidden}-callsign")
print(json.dumps(dict(workspace=workspace.pk, organization=organization.pk)))
"""


def topology(*aircraft: str) -> dict[str, Any]:
    """`data` of update_topo: what a dock says is behind it."""
    named = [{"sn": sn, "domain": "0", "type": 91, "sub_type": 0, "index": "A"} for sn in aircraft]
    return {"domain": "3", "type": 2, "sub_type": 0, "sub_devices": named}


class Party:
    """An organization with its gateways: `dock` is connected and has `aircraft` behind it, `away` and `away_aircraft`
    are bound and not connected, `free` is the account of a dock that is not bound.
    """

    def __init__(self, platform: Platform, name: str) -> None:
        self.tenant = Tenant(platform, name, docks=3, users=True)
        self.workspace_id, self.users = self.tenant.workspace_id, self.tenant.users
        self.account, self.away, self.free = (self.tenant.account() for _ in range(3))
        self.sn, self.aircraft, self.away_aircraft = str(self.account["sn"]), new_sn("AIR"), new_sn("AIR")
        self.dock = Gateway(self.account)

    def begin(self) -> None:
        first, second, self.code = self.tenant.codes(1, 1, 1)
        self.dock.__enter__()
        self._bind(self.dock, first, self.aircraft)
        with Gateway(self.away) as away:
            self._bind(away, second, self.away_aircraft)

    def _bind(self, gateway: Gateway, code: str, aircraft: str) -> None:
        answer = gateway.request("airport_organization_bind", self.tenant.bind_data(code, gateway.sn))
        assert err_infos(answer) == [(gateway.sn, 0)]
        assert gateway.topology(topology(aircraft)) == {"result": 0}


class Scene:
    """`a` is the victim, `b` the attacker. `hidden` is in everything of A that B has no right to read."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.hidden = f"hidden{secrets.token_hex(6)}"
        #: An aircraft of A that a row may spoil.
        self.spare = new_sn("SPARE")
        self.server = server_account(platform, "the-server")
        self.a, self.b = Party(platform, "Victim"), Party(platform, "Attacker")
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for party in (self.a, self.b):
            party.begin()
            self._ends.callback(party.dock.close)
        values = {"workspace_id": self.a.workspace_id, "hidden": self.hidden, "spare": self.spare}
        self.keys: dict[str, int] = shell(self.platform, _SECRETS.format(**values))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    @property
    def secrets(self) -> list[str]:
        """What no answer to a stranger may contain. Strangers know the victim's SNs and workspace id, and say them, so
        that they stand in their own audit trail."""
        names = [user["username"] for user in self.a.users.values()]
        return [self.hidden, self.a.tenant.organization_name, *names]

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """What the database says: the place where an attack that succeeded would show."""
        with psycopg.connect(self.platform.env["DATABASE_URL"]) as connection:
            return connection.execute(query.encode(), arguments).fetchall()

    def owner(self, sn: str) -> tuple[str, str] | None:
        """(workspace id, SN of the gateway or "") of a device; None for one that nobody owns."""
        found = self.rows(
            "SELECT workspace.workspace_id::text, coalesce(gateway.sn, '') FROM devices_device device "
            "JOIN workspaces_workspace workspace ON workspace.id = device.workspace_id "
            "LEFT JOIN devices_device gateway ON gateway.id = device.gateway_id WHERE device.sn = %s",
            sn,
        )
        return found[0] if found else None
