"""Pilots' controllers: their broker accounts, and their way into a workspace.

A page's word for the controller's SN cannot be proved. So what nobody owns may join (a few a day), what the
organization has is handed on from pilot to pilot, and what another organization has is refused until it releases it.
"""

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices import ownership
from devices.models import Device
from devices.sn import is_sn
from mqtt_bridge import broker_access
from mqtt_bridge.models import MqttCredential, UnpinnedCredential, new_seed
from workspaces import audit
from workspaces.models import AuditEntry, User, Workspace

NEW_PER_DAY = 5
#: Prefixes tell accounts apart in the broker's notices.
PILOT_PREFIX, UNPINNED_PREFIX = "pilot-", "unpinned-"


class Refused(Exception):
    """A sentence for the pilot that says what to do."""


def address() -> str:
    """What Pilot's thing module connects to; a scheme is mandatory (N3)."""
    return f"{settings.MQTT_PUBLIC_SCHEME}://{settings.MQTT_PUBLIC_HOST}:{settings.MQTT_PUBLIC_PORT}"


def issue(*, gateway_sn: str, workspace: Workspace, user: User) -> MqttCredential:
    """The broker account of this controller for this pilot; an earlier one of the controller ends. Works at the broker
    when this returns.

    Raises Refused, or broker_access.BrokerAccessError.
    """
    username = f"{PILOT_PREFIX}{secrets.token_hex(8)}"
    credential, replaced = _take_over(gateway_sn, workspace, user, username=username, seed=new_seed())
    if replaced:
        broker_access.remove([replaced])
    broker_access.put([credential])
    return credential


def unpinned(*, workspace: Workspace, user: User) -> UnpinnedCredential:
    """The account that a pilot page gets that does not name its controller. Raises broker_access.BrokerAccessError."""
    credential, is_new = UnpinnedCredential.objects.unscoped().get_or_create(
        pilot=user, workspace=workspace, defaults={"username": f"{UNPINNED_PREFIX}{secrets.token_hex(8)}"}
    )
    if is_new:
        broker_access.put([credential])
    return credential


def pin(*, username: str, client_id: str) -> None:
    """An account connected for the first time: its client id is the controller's SN (T10).

    If the pilot may use that controller, the account becomes its own, and the session ends once, so that the controller
    comes back and sends its topology again. If not, the account ends.
    """
    unpinned_credential = UnpinnedCredential.objects.unscoped().filter(username=username).first()
    if unpinned_credential is None:
        return
    try:
        credential, replaced = _take_over(
            client_id,
            unpinned_credential.workspace,
            unpinned_credential.pilot,
            username=username,
            seed=unpinned_credential.seed,
        )
    except Refused as refusal:
        audit.record(
            "controller.refused",
            target=client_id,
            workspace=unpinned_credential.workspace,
            user=unpinned_credential.pilot,
            reason=str(refusal),
        )
        UnpinnedCredential.objects.unscoped().filter(pk=unpinned_credential.pk).delete()
        broker_access.remove([username])
        return
    UnpinnedCredential.objects.unscoped().filter(pk=unpinned_credential.pk).delete()
    broker_access.remove([name for name in (replaced, username) if name])
    broker_access.put([credential])


def revoke(*, user: User, workspace: Workspace) -> None:
    """The pilot leaves the platform: their accounts in this workspace end, and so do the sessions with them."""
    with transaction.atomic():
        pinned = MqttCredential.objects.in_workspace(workspace).filter(pilot=user)
        waiting = UnpinnedCredential.objects.in_workspace(workspace).filter(pilot=user)
        usernames = [*pinned.values_list("username", flat=True), *waiting.values_list("username", flat=True)]
        pinned.delete()
        waiting.delete()
    broker_access.remove(usernames)


@transaction.atomic
def bind(*, sn: str, workspace: Workspace, user: User) -> None:
    """The pilot's page asks for its controller, or the aircraft at it, to join the workspace. Raises Refused."""
    device = Device.objects.unscoped().filter(sn=sn).select_related("gateway", "workspace").first()
    if device is None or not device.online:
        raise Refused(_("The device is not online yet. Try again in a moment."))
    gateway = device.gateway or device
    _check_owner(device, workspace)
    account = MqttCredential.objects.unscoped().filter(gateway_sn=gateway.sn).select_related("workspace").first()
    if account is None or account.workspace.organization_id != workspace.organization_id:
        raise Refused(_foreign(sn))
    if gateway.kind == "dock":
        raise Refused(_("A dock joins with a device binding code."))
    if account.pilot_id != user.pk and device.workspace_id != workspace.pk:
        raise Refused(_("Log in on this controller first."))
    behind = gateway.sub_devices.filter(workspace__isnull=True).values_list("sn", flat=True)
    ownership.claim(sns=list(dict.fromkeys([gateway.sn, sn, *behind])), workspace=workspace, user=user)


@transaction.atomic
def _take_over(
    gateway_sn: str, workspace: Workspace, user: User, *, username: str, seed: str
) -> tuple[MqttCredential, str | None]:
    """Make this the controller's account; also the name of the account that it replaces. Raises Refused."""
    if not is_sn(gateway_sn):
        raise Refused(_("This is no serial number of a controller."))
    # One pilot's log-ins one at a time, so that the day's count is exact.
    User.objects.select_for_update().get(pk=user.pk)
    device = Device.objects.unscoped().filter(sn=gateway_sn).select_related("workspace").first()
    if device is not None:
        _check_owner(device, workspace)
        if device.kind in ("dock", "aircraft", "payload"):
            raise Refused(_("%(sn)s is not a remote controller.") % {"sn": gateway_sn})
    existing = MqttCredential.objects.unscoped().filter(gateway_sn=gateway_sn).select_for_update().first()
    if existing is not None and existing.workspace.organization_id != workspace.organization_id:
        raise Refused(_foreign(gateway_sn))
    if existing is None and (device is None or device.workspace is None):
        _count_new(gateway_sn, workspace, user)
    replaced = existing.username if existing is not None else None
    if existing is not None:
        if existing.pilot_id != user.pk:
            audit.record(
                "controller.taken_over", target=gateway_sn, workspace=workspace, user=user, gateway_sn=gateway_sn
            )
        existing.delete()
    Device.objects.bulk_create([Device(sn=gateway_sn)], ignore_conflicts=True)
    credential = MqttCredential.objects.create(
        username=username, seed=seed, gateway_sn=gateway_sn, workspace=workspace, pilot=user, created_by=user
    )
    return credential, replaced


def _check_owner(device: Device, workspace: Workspace) -> None:
    if device.workspace is not None and device.workspace.organization_id != workspace.organization_id:
        raise Refused(_foreign(device.sn))


def _count_new(gateway_sn: str, workspace: Workspace, user: User) -> None:
    since = timezone.now() - timedelta(days=1)
    if AuditEntry.objects.filter(action="controller.new", user=user, at__gt=since).count() >= NEW_PER_DAY:
        raise Refused(
            _("You have connected %(limit)d new controllers today. Ask an administrator to add this one.")
            % {"limit": NEW_PER_DAY}
        )
    audit.record("controller.new", target=gateway_sn, workspace=workspace, user=user, gateway_sn=gateway_sn)


def _foreign(sn: str) -> str:
    return _("%(sn)s belongs to another organization. Ask its administrators to release it.") % {"sn": sn}
