"""Whose a controller becomes when a pilot logs in on it.

A page's word for the controller's SN cannot be proved. So what nobody owns may join (a few a day), what the
organization has is handed on from pilot to pilot, and what another organization has is refused until it releases it.
"""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices import ownership
from devices.models import Device, TimelineEntry
from devices.sn import is_sn
from mqtt_bridge.models import MqttCredential
from workspaces import audit
from workspaces.models import AuditEntry, User, Workspace

NEW_PER_DAY = 5
#: The contract's codes. Pages try again at NOT_YET, while a device is not online.
NOT_YET, NOT_BOUND, BOUND_ELSEWHERE = -1, 210231, 210232


class Refused(Exception):
    """A sentence for the pilot that says what to do, and the contract's code."""

    def __init__(self, sentence: str, code: int = NOT_BOUND) -> None:
        super().__init__(sentence)
        self.code = code


@transaction.atomic
def take_over(
    gateway_sn: str, workspace: Workspace, user: User, *, username: str, seed: str, login_id: UUID
) -> tuple[MqttCredential, str | None]:
    """Make this the controller's account; also the name of the account that it replaces. Raises Refused."""
    if not is_sn(gateway_sn):
        raise Refused(_("This is no serial number of a controller."))
    # One pilot's log-ins one at a time, so that the day's count is exact.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    account = _lock_account(gateway_sn)
    Device.objects.bulk_create([Device(sn=gateway_sn)], ignore_conflicts=True)
    [device] = ownership.lock([gateway_sn])
    account = account or _lock_account(gateway_sn)  # made by another pilot while we waited for the device's row
    check_owner(device, workspace)
    _check_kind(device, account)
    is_ours = account is not None and account.workspace.organization_id == workspace.organization_id
    if account is not None and not is_ours and not _was_released(device, account):
        raise foreign(gateway_sn)
    if not is_ours and device.workspace is None:
        _count_new(gateway_sn, workspace, user)
    if account is not None:
        if account.pilot_id != user.pk:
            audit.record(
                "controller.taken_over", target=gateway_sn, workspace=workspace, user=user, gateway_sn=gateway_sn
            )
        account.delete()
    credential = MqttCredential.objects.create(
        username=username,
        seed=seed,
        gateway_sn=gateway_sn,
        workspace=workspace,
        pilot=user,
        created_by=user,
        login_id=login_id,
        password_fingerprint=user.get_session_auth_hash(),
    )
    # Also for a controller that the organization has without an account, since an admin removed the last one.
    audit.record("mqtt_credential.issued", target=username, workspace=workspace, user=user, gateway_sn=gateway_sn)
    return credential, account.username if account is not None else None


def _lock_account(gateway_sn: str) -> MqttCredential | None:
    accounts = MqttCredential.objects.unscoped().filter(gateway_sn=gateway_sn)
    return accounts.select_for_update(of=("self",)).select_related("workspace").first()


def _check_kind(device: Device, account: MqttCredential | None) -> None:
    """What is known to be something else than a controller stays out of reach of pilots: a dock most of all."""
    is_new = account is None and device.gateway_id is None and device.workspace_id is None
    is_pilots = account is not None and account.pilot_id is not None
    if device.kind != "controller" and not (device.kind == "unknown" and (is_new or is_pilots)):
        raise Refused(_("%(sn)s is not a remote controller.") % {"sn": device.sn})


def _was_released(device: Device, account: MqttCredential) -> bool:
    """Whether its organization gave the controller away after this account of it was made."""
    released = TimelineEntry.objects.filter(device=device, event="released", at__gt=account.created_at)
    return device.workspace is None and released.exists()


def check_owner(device: Device, workspace: Workspace) -> None:
    if device.workspace is not None and device.workspace.organization_id != workspace.organization_id:
        raise foreign(device.sn)


def _count_new(gateway_sn: str, workspace: Workspace, user: User) -> None:
    since = timezone.now() - timedelta(days=1)
    new = AuditEntry.objects.filter(action="controller.new", user=user, at__gt=since)
    if new.filter(target=gateway_sn).exists():
        return  # the same one again, after an exit
    if new.count() >= NEW_PER_DAY:
        raise Refused(
            _("You have connected %(limit)d new controllers today. Ask an administrator to add this one.")
            % {"limit": NEW_PER_DAY}
        )
    audit.record("controller.new", target=gateway_sn, workspace=workspace, user=user, gateway_sn=gateway_sn)


def foreign(sn: str) -> Refused:
    sentence = _("%(sn)s belongs to another organization. Ask its administrators to release it.")
    return Refused(sentence % {"sn": sn}, BOUND_ELSEWHERE)
