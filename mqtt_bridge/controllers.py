"""Pilots' controllers: their broker accounts, and their way into a workspace."""

import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices import connections, ownership
from devices.models import Device
from mqtt_bridge import broker_access
from mqtt_bridge.models import MqttCredential, UnpinnedCredential, new_seed
from mqtt_bridge.reserved import PILOT_PREFIX, UNPINNED_PREFIX
from mqtt_bridge.take_over import NOT_YET, Refused, check_owner, foreign, take_over
from workspaces import audit
from workspaces.models import AuditEntry, User, Workspace

#: Connecting with another gateway's client id displaces that gateway for a moment, so nobody may do it often.
REFUSED_PER_DAY = 5
_NOT_ONLINE = gettext_lazy("The device is not online yet. Try again in a moment.")


def address() -> str:
    """What Pilot's thing module connects to; a scheme is mandatory (N3)."""
    return f"{settings.MQTT_PUBLIC_SCHEME}://{settings.MQTT_PUBLIC_HOST}:{settings.MQTT_PUBLIC_PORT}"


@transaction.atomic
def issue(*, gateway_sn: str, workspace: Workspace, user: User, login_id: UUID) -> MqttCredential:
    """The broker account of this controller for this pilot; an earlier one of the controller ends. Works at the broker
    when this returns, and ends with the pilot's log-in.

    Raises Refused, or broker_access.BrokerAccessError, and then nothing has changed.
    """
    credential, replaced = take_over(
        gateway_sn,
        workspace,
        user,
        username=f"{PILOT_PREFIX}{secrets.token_hex(8)}",
        seed=new_seed(),
        login_id=login_id,
    )
    waiting = UnpinnedCredential.objects.unscoped().filter(login_id=login_id)
    needless = list(waiting.values_list("username", flat=True))
    waiting.delete()
    # In this order: if the first step fails, the broker still has what the tables go back to.
    broker_access.put([credential])
    broker_access.remove([*needless, *([replaced] if replaced else [])])
    return credential


@transaction.atomic
def unnamed(*, workspace: Workspace, user: User, login_id: UUID) -> MqttCredential | UnpinnedCredential | None:
    """The account for a pilot page that does not name its controller: that of the log-in's controller once it is known.

    None for a pilot who has tried too many foreign controllers today. Raises broker_access.BrokerAccessError.
    """
    known = MqttCredential.objects.in_workspace(workspace).filter(login_id=login_id).first()
    if known is not None:
        return known
    since = timezone.now() - timedelta(days=1)
    if AuditEntry.objects.filter(action="controller.refused", user=user, at__gt=since).count() >= REFUSED_PER_DAY:
        return None
    credential, is_new = UnpinnedCredential.objects.unscoped().get_or_create(
        login_id=login_id,
        workspace=workspace,
        defaults={
            "pilot": user,
            "username": f"{UNPINNED_PREFIX}{secrets.token_hex(8)}",
            "password_fingerprint": user.get_session_auth_hash(),
        },
    )
    if is_new:
        broker_access.put([credential])
    return credential


@transaction.atomic
def pin(*, username: str, client_id: str) -> None:
    """An account connected for the first time: its client id is the controller's SN (T10).

    If the pilot may use that controller, the account becomes its own, and the session ends once, so that the controller
    comes back and sends its topology again. If not, the account ends. Raises broker_access.BrokerAccessError, and then
    nothing has changed.
    """
    waiting = UnpinnedCredential.objects.unscoped().filter(username=username)
    # Logging out locks the pilot first, then ends the accounts.
    list(User.objects.select_for_update(no_key=True).filter(pk__in=waiting.values("pilot")).values_list("pk"))
    account = waiting.select_for_update(of=("self",)).select_related("workspace__organization", "pilot").first()
    if account is None:
        return
    try:
        credential, replaced = take_over(
            client_id,
            account.workspace,
            account.pilot,
            username=username,
            seed=account.seed,
            login_id=account.login_id,
        )
    except Refused as refusal:
        audit.record(
            "controller.refused",
            target=client_id.replace("\0", ""),
            workspace=account.workspace,
            user=account.pilot,
            reason=str(refusal),
        )
        account.delete()
        broker_access.remove([username])
        return
    account.delete()
    broker_access.remove([replaced] if replaced else [])
    # The account exists at the broker, so this changes it in place and ends its session, and the controller that comes
    # back at once finds it.
    broker_access.put([credential])


@transaction.atomic
def bind(*, sn: str, workspace: Workspace, user: User, login_id: UUID) -> None:
    """The pilot's page asks for its controller, or the aircraft at it, to join the workspace. Raises Refused."""
    device = Device.objects.unscoped().filter(sn=sn).select_related("gateway", "workspace").first()
    if device is None:
        raise Refused(str(_NOT_ONLINE), NOT_YET)
    check_owner(device, workspace)
    gateway = device.gateway or device
    account = MqttCredential.objects.unscoped().filter(gateway_sn=gateway.sn).select_related("workspace").first()
    if account is not None and account.workspace.organization_id != workspace.organization_id:
        raise foreign(sn)
    # Before it is bound it may send no telemetry, so a controller that waits for its pilot is silent.
    if not device.online and not connections.is_connected(gateway.sn):
        raise Refused(str(_NOT_ONLINE), NOT_YET)
    if gateway.kind == "dock":
        raise Refused(_("A dock joins with a device binding code."))
    if account is None or (account.pilot_id != user.pk and device.workspace_id != workspace.pk):
        raise Refused(_("Log in on this controller first."))
    if account.pilot_id == user.pk:
        # The page runs on this controller, perhaps after a new log-in over a link that was up: they end together.
        MqttCredential.objects.unscoped().filter(pk=account.pk).update(
            login_id=login_id, password_fingerprint=user.get_session_auth_hash()
        )
    behind = gateway.sub_devices.filter(workspace__isnull=True).values_list("sn", flat=True)
    try:
        ownership.claim(sns=list(dict.fromkeys([gateway.sn, sn, *behind])), workspace=workspace, user=user)
    except ownership.OwnedElsewhere as refusal:
        raise foreign(str(refusal)) from refusal
