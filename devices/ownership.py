"""Who owns a device: binding by code, claiming and releasing by people."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devices import live, locking, timeline
from devices.models import Device, DeviceState, OfflineReason
from workspaces import audit
from workspaces.models import User, Workspace


class OwnedElsewhere(ValueError):
    """A device belongs to another organization, which has to release it first."""


@transaction.atomic
def claim(*, sns: Sequence[str], workspace: Workspace, user: User | None = None) -> list[Device]:
    """Let devices join a workspace by a person's decision, without a bind code; unknown SNs are created.

    Raises OwnedElsewhere, and then nothing changes.
    """
    Device.objects.bulk_create([Device(sn=sn) for sn in sns], ignore_conflicts=True)
    devices = lock(sns)
    foreign = [
        device.sn
        for device in devices
        if device.workspace is not None and device.workspace.organization_id != workspace.organization_id
    ]
    if foreign:
        raise OwnedElsewhere(", ".join(foreign))
    joining = [device for device in devices if device.workspace_id != workspace.pk]
    for device in joining:
        join(device, workspace, by=_by(user))
        audit.record("device.claimed", target=device.sn, workspace=workspace, user=user)
    return devices


@transaction.atomic
def move(devices: Sequence[Device], *, workspace: Workspace, user: User | None = None) -> int:
    """Let devices join a workspace, those of the same owner behind a gateway with it; returns how many joined.

    Raises OwnedElsewhere, and then nothing changes.
    """
    sns = [device.sn for device in devices]
    for gateway in devices:
        sns += gateway.sub_devices.filter(workspace=gateway.workspace_id).values_list("sn", flat=True)
    return len(claim(sns=list(dict.fromkeys(sns)), workspace=workspace, user=user))


@transaction.atomic
def release(*, device: Device, user: User | None = None) -> None:
    """Take a device out of its workspace. It stays known, unclaimed, and has to bind again.

    Nothing changes if it is in another workspace by now than the caller saw it in.
    """
    rows = locking.lock(Q(pk=device.pk) | Q(gateway=device.pk))
    behind = [row for row in rows if row.gateway_id == device.pk]
    workspace = next((row.workspace for row in rows if row.pk == device.pk), None)
    if workspace is None or workspace.pk != device.workspace_id:
        return
    Device.objects.unscoped().filter(pk=device.pk).update(
        workspace=None,
        bound_at=None,
        bound_with=None,
        online=False,
        offline_reason=OfflineReason.RELEASED,
    )
    DeviceState.objects.filter(device=device).delete()
    timeline.note([device], "released", timezone.now(), detail=_owner(_by(user), workspace))
    _leave_behind(device, behind)
    audit.record("device.released", target=device.sn, workspace=workspace, user=user)
    live.removed_from(workspace.workspace_id, [device.sn])
    live.changed([device.sn])


def join(device: Device, workspace: Workspace, *, by: str = "") -> None:
    """Make a locked device a member of the workspace; it leaves the one it was in. Saves, and pushes after commit.

    `by`: whose doing it is, for the timeline: "user NAME", "code HINT" or "gateway SN". Saved with `device.bound_with`.
    """
    previous = device.workspace
    device.workspace = workspace
    device.bound_at = timezone.now()
    device.save(update_fields=["workspace", "bound_at", "bound_with"])
    DeviceState.objects.filter(device=device).delete()  # what it said before
    timeline.note([device], "joined_workspace", device.bound_at, detail=_owner(by, workspace))
    if previous is not None:
        live.removed_from(previous.workspace_id, [device.sn])
    live.changed([device.sn])


def _leave_behind(gateway: Device, behind: Sequence[Device]) -> None:
    """What was behind a released gateway stays with its owner, who must not follow where the gateway goes."""
    gateway.sub_devices.update(gateway=None, channel_index="", online=False, offline_reason=OfflineReason.LEFT_GATEWAY)
    timeline.note([device for device in behind if device.online], "left_gateway", timezone.now(), detail=gateway.sn)
    live.changed([device.sn for device in behind])


def _by(user: User | None) -> str:
    return f"user {user.get_username()}" if user is not None else ""


def _owner(by: str, workspace: Workspace) -> str:
    return f"{by}: {workspace}" if by else str(workspace)


def lock(sns: Sequence[str]) -> list[Device]:
    return locking.lock(Q(sn__in=sns))
