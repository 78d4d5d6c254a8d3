"""A fleet to look at: many docks and controllers of one workspace, for `manage.py simulate fleet`.

Made once; later runs find them again by their serial numbers, which say whose they are. Passwords follow from the rows;
bind codes are made for the docks that are not bound yet.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from devices import ownership
from devices.models import Device
from mqtt_bridge import broker_access, credentials
from mqtt_bridge.models import MqttCredential
from workspaces import services
from workspaces.models import Workspace
from workspaces.services import NewBindCode

PREFIX = "FLEET-"
DOCK_MODEL, CONTROLLER_MODEL = "3-2-0", "2-144-0"
MOST = 9999
_SN = re.compile(r"FLEET-(DOCK|RC)-\d{4}(-AIR)?")
_CODE_LIFE = timedelta(hours=1)
#: Mosquitto writes all its accounts anew for each new one, and carries no messages meanwhile.
_BATCH = 20


@dataclass(frozen=True, slots=True)
class Fleet:
    """The accounts of all gateways, those that the broker does not know yet, and a code if a dock has to bind."""

    docks: list[MqttCredential]
    controllers: list[MqttCredential]
    new: list[MqttCredential]
    bind_code: NewBindCode | None


def dock_sns(number: int) -> list[str]:
    return [f"{PREFIX}DOCK-{each:04d}" for each in range(1, number + 1)]


def controller_sns(number: int) -> list[str]:
    return [f"{PREFIX}RC-{each:04d}" for each in range(1, number + 1)]


def aircraft_sn(gateway_sn: str) -> str:
    return f"{gateway_sn}-AIR"


@transaction.atomic
def prepare(*, workspace: Workspace, docks: int, controllers: int) -> Fleet:
    """Make what is missing. Docks bind by themselves with the code, controllers belong to the workspace at once.

    The caller pushes the new accounts to the broker after the commit. Raises ValidationError, and then nothing changes.
    """
    existing = {row.gateway_sn: row for row in _accounts(workspace)}
    wanted_docks, wanted_controllers = dock_sns(docks), controller_sns(controllers)
    new = [
        *_issue([sn for sn in wanted_docks if sn not in existing], DOCK_MODEL, workspace),
        *_issue([sn for sn in wanted_controllers if sn not in existing], CONTROLLER_MODEL, workspace),
    ]
    rows = existing | {row.gateway_sn: row for row in new}
    present = {device.sn for device in _devices(workspace)}
    if homeless := [sn for sn in wanted_controllers if sn not in present]:
        ownership.claim(sns=homeless, workspace=workspace)
    unbound = sum(not {sn, aircraft_sn(sn)} <= present for sn in wanted_docks)
    return Fleet(
        docks=[rows[sn] for sn in wanted_docks],
        controllers=[rows[sn] for sn in wanted_controllers],
        new=new,
        bind_code=_bind_code(workspace, unbound) if unbound else None,
    )


def push(accounts: Sequence[MqttCredential]) -> None:
    """Make new accounts work at the broker, which gets as much time for its messages in between. Raises
    broker_access.BrokerAccessError."""
    for start in range(0, len(accounts), _BATCH):
        began = time.monotonic()
        broker_access.put(accounts[start : start + _BATCH])
        if start + _BATCH < len(accounts):
            time.sleep(time.monotonic() - began)


def remove_accounts(workspace: Workspace) -> list[MqttCredential]:
    """End the accounts of all gateways of the fleet in this workspace; the caller tells the broker after the commit."""
    with transaction.atomic():
        ending = _accounts(workspace)
        for account in ending:
            credentials.remove(credential=account)
    return ending


def remove_devices(workspace: Workspace, gateway_sns: Sequence[str]) -> int:
    """Release the fleet's devices of this workspace, and forget them with their history; returns how many.

    `gateway_sns`: gateways of the fleet whose accounts have ended, which may never have been bound.
    """
    with transaction.atomic():
        sns = {device.sn for device in _devices(workspace)}
        sns.update(*((sn, aircraft_sn(sn)) for sn in gateway_sns))
        ours = [device for device in ownership.lock(sorted(sns)) if device.workspace_id in (None, workspace.pk)]
        for device in ours:
            ownership.release(device=device)
        for device in ours:
            device.delete()
    return len(ours)


def _accounts(workspace: Workspace) -> list[MqttCredential]:
    rows = MqttCredential.objects.in_workspace(workspace).filter(gateway_sn__startswith=PREFIX).order_by("gateway_sn")
    return [row for row in rows if _SN.fullmatch(row.gateway_sn)]


def _devices(workspace: Workspace) -> list[Device]:
    rows = Device.objects.in_workspace(workspace).filter(sn__startswith=PREFIX)
    return [row for row in rows if _SN.fullmatch(row.sn)]


def _issue(sns: Sequence[str], model_key: str, workspace: Workspace) -> list[MqttCredential]:
    try:
        return credentials.issue(sns=sns, workspace=workspace, model_key=model_key, only_new=True)
    except ValidationError as error:
        raise ValidationError(
            f"{error.messages[0]} The fleet exists once on a platform: take it away where it is "
            "(simulate fleet --remove --workspace ID) first."
        ) from error


def _bind_code(workspace: Workspace, docks: int) -> NewBindCode:
    return services.issue_bind_code(workspace=workspace, expires_at=timezone.now() + _CODE_LIFE, max_docks=docks)
