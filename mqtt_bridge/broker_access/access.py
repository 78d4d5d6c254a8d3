"""What each account may do now, by our tables: who owns the gateway, and which sub-devices its topology names."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from django.conf import settings
from django.db.models import Q

from devices.models import Device
from mqtt_bridge.broker_access.roles import Role, gateway_role, no_rights
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from workspaces.models import Workspace

#: An account of the broker that is ours to make and to end.
Account = MqttCredential | UnpinnedCredential

#: SQLite takes a limited number of values in one query.
_CHUNK = 500

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Access:
    """What a broker has to know of an account.

    gateway_sn: "" while it is not known. client_id: the only one it may connect with, "" for any. sub_devices: SNs that
    its role speaks of beside its own.
    """

    username: str
    password: str = field(repr=False)
    gateway_sn: str
    client_id: str
    role: Role
    sub_devices: frozenset[str] = frozenset()


def all_accesses() -> list[Access]:
    """All accounts that the broker should have, beside the server's own."""
    return accesses(
        [
            *MqttCredential.objects.unscoped().order_by("username"),
            *UnpinnedCredential.objects.unscoped().order_by("username"),
        ]
    )


def accesses_of(usernames: Collection[str]) -> list[Access]:
    """Those of these accounts that exist, as they are now."""
    found: list[Account] = []
    for names in _chunks(sorted(usernames)):
        pinned = list(MqttCredential.objects.unscoped().filter(username__in=names))
        found += pinned
        if len(pinned) < len(names):
            found += UnpinnedCredential.objects.unscoped().filter(username__in=names)
    return accesses(found)


def accesses_of_gateway(gateway_sn: str) -> list[Access]:
    """The accounts of this gateway, as they are now."""
    return accesses(MqttCredential.objects.unscoped().filter(gateway_sn=gateway_sn))


def usernames_of(sns: Collection[str]) -> set[str]:
    """The accounts of these gateways, and of the gateways that these devices are behind."""
    found: set[str] = set()
    for chunk in _chunks(sns):
        gateways = Device.objects.unscoped().filter(sn__in=chunk, gateway__isnull=False).values("gateway__sn")
        concerned = MqttCredential.objects.unscoped().filter(Q(gateway_sn__in=chunk) | Q(gateway_sn__in=gateways))
        found.update(concerned.values_list("username", flat=True))
    return found


def may_come_back(gateway_sn: str, sub_devices: Collection[str]) -> bool:
    """Whether all of these have merely left the gateway: they are behind no other, and its organization's as before."""
    owners = Workspace.objects.unscoped().filter(devices__sn=gateway_sn).values("organization")
    left = Device.objects.unscoped().filter(gateway__isnull=True, workspace__organization__in=owners)
    return left.filter(sn__in=sub_devices).count() == len(sub_devices)


def accesses(accounts: Iterable[Account]) -> list[Access]:
    """What the broker has to know of these accounts now, in their order."""
    listed = list(accounts)
    known = {
        access.username: access for access in _accesses([row for row in listed if isinstance(row, MqttCredential)])
    }
    return [
        known.get(account.username) or Access(account.username, account.password, "", "", no_rights(account.username))
        for account in listed
    ]


def _accesses(credentials: list[MqttCredential]) -> Iterable[Access]:
    tenants = _tenants({credential.workspace_id for credential in credentials})
    sns = [credential.gateway_sn for credential in credentials]
    owners = _owners(sns)
    behind = _sub_devices(sns)
    for row in credentials:
        tenant, owner = tenants.get(row.workspace_id), owners.get(row.gateway_sn)
        subs = frozenset(sn for sn, owned_by in behind.get(row.gateway_sn, ()) if owned_by == tenant == owner)
        # An account of another organization than its gateway's is a leftover.
        role = (
            gateway_role(row.gateway_sn, username=row.username, bound=owner is not None, sub_devices=subs)
            if owner in (None, tenant)
            else no_rights(row.username)
        )
        yield Access(row.username, row.password, row.gateway_sn, _required_client_id(row), role, subs)


def _tenants(workspace_pks: Collection[int]) -> dict[int, int]:
    """Workspace → organization, as primary keys."""
    tenants: dict[int, int] = {}
    for chunk in _chunks(workspace_pks):
        tenants |= dict(Workspace.objects.unscoped().filter(pk__in=chunk).values_list("pk", "organization_id"))
    return tenants


def _owners(sns: Collection[str]) -> dict[str, int]:
    """SN → organization (pk), for devices that somebody owns."""
    owned: dict[str, int] = {}
    for chunk in _chunks(sns):
        rows = Device.objects.unscoped().filter(sn__in=chunk, workspace__isnull=False)
        owned |= dict(rows.values_list("sn", "workspace__organization_id"))
    return owned


def _sub_devices(gateway_sns: Collection[str]) -> dict[str, list[tuple[str, int]]]:
    """SN of a gateway → (SN, organization) of the owned devices that the stored topology puts behind it."""
    behind: dict[str, list[tuple[str, int]]] = {}
    for chunk in _chunks(gateway_sns):
        rows = Device.objects.unscoped().filter(gateway__sn__in=chunk, workspace__isnull=False)
        for gateway_sn, sn, owner in rows.values_list("gateway__sn", "sn", "workspace__organization_id"):
            behind.setdefault(gateway_sn, []).append((sn, owner))
    return behind


def _required_client_id(credential: MqttCredential) -> str:
    """Its SN: with another gateway's client id an account would displace that gateway's session (T10). A device that is
    found to choose another one needs the setting; pilots' controllers never do, and who has tried a gateway's must not.
    """
    is_held = settings.MQTT_CLIENT_ID_IS_SN or credential.pilot_id is not None or credential.is_tied
    return credential.gateway_sn if is_held else ""


def _chunks(values: Collection[_T]) -> Iterable[list[_T]]:
    listed = list(values)
    return (listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK))
