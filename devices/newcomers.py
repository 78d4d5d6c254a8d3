"""Devices that nobody had heard of until a gateway named them.

Their rows stay, and behind a bound gateway they are owned at once. So a gateway brings in some a day, and the audit
trail, which counts them, says which.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from devices import locking
from devices.models import Device
from workspaces import audit
from workspaces.models import AuditEntry, Organization

#: As many as one message may name. A dock gets a new aircraft every few months.
NEW_PER_DAY = 64


def lock(named: Collection[str], others: Iterable[str] = ()) -> tuple[dict[str, Device], set[str]]:
    """The rows of these devices, locked, by SN; those of `named` that have none are made. Also the SNs of these.

    Whoever refuses what names them must leave the transaction, so that no row stays.
    """
    which = Q(sn__in=[*named, *others])
    rows = {device.sn: device for device in locking.lock(which)}
    if new := set(named) - rows.keys():
        Device.objects.bulk_create([Device(sn=sn) for sn in sorted(new)], ignore_conflicts=True)
        rows = {device.sn: device for device in locking.lock(which)}
    return rows, new


def admit(gateway: Device, new: Iterable[str], *, organization_pk: int | None) -> bool:
    """Note that the locked gateway brings these devices in; False if it may not bring in so many today.

    `organization_pk` is whose the gateway is while it is not bound.
    """
    sns = sorted(set(new) - {gateway.sn})
    if not sns:
        return True
    since = timezone.now() - timedelta(days=1)
    lately = AuditEntry.objects.filter(action="device.new", gateway_sn=gateway.sn, at__gt=since).count()
    if lately + len(sns) > NEW_PER_DAY:
        return False
    organization = None
    if gateway.workspace is None and organization_pk is not None:
        organization = Organization.objects.get(pk=organization_pk)
    for sn in sns:
        audit.record(
            "device.new", target=sn, organization=organization, workspace=gateway.workspace, gateway_sn=gateway.sn
        )
    return True
