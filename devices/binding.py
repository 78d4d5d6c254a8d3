"""Binding: devices join the workspace of a bind code. Protocol: "Organization management" of the dock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from django.db import transaction
from django.db.models import F

from devices import live, newcomers, ownership, products
from devices.bind_claims import Claim, CodeRefused, find, one_try
from devices.models import Device
from workspaces import audit, bind_throttle
from workspaces.models import BindCode

NO_ACCOUNTS: Mapping[str, int] = MappingProxyType({})


class BoundElsewhere(Exception):
    """Devices belong to another organization: `sns`."""

    def __init__(self, sns: set[str]) -> None:
        super().__init__(", ".join(sorted(sns)))
        self.sns = sns


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device as a bind request names it."""

    sn: str
    callsign: str = ""
    model_key: str = ""


def bind(claim: Claim, candidates: Sequence[Candidate], *, accounts: Mapping[str, int] = NO_ACCOUNTS) -> BindCode:
    """Let all candidates join the code's workspace, or none of them. Must run in a transaction.

    `accounts`: SN → organization (pk) of its broker account. Who has one is a gateway and has an owner, bound or not.
    Raises CodeRefused (a wrong code is counted) or BoundElsewhere (nothing is counted, the code is not used up).
    """
    try:
        with one_try(claim), transaction.atomic():
            return _bind(claim, candidates, accounts)
    except (bind_throttle.Locked, bind_throttle.WrongCode):
        raise CodeRefused from None


def _bind(claim: Claim, candidates: Sequence[Candidate], accounts: Mapping[str, int]) -> BindCode:
    code = find(claim)
    if code is None:
        raise bind_throttle.WrongCode
    devices, new = newcomers.lock({claim.gateway_sn, *(candidate.sn for candidate in candidates)})
    gateway = devices[claim.gateway_sn]
    named = [devices[candidate.sn] for candidate in candidates]
    own = gateway.bound_with_id == code.pk and gateway.workspace_id == code.workspace_id
    holds = all(device.workspace_id == code.workspace_id for device in [gateway, *named])
    if not (code.is_usable() or (own and (holds or code.revoked_at is None))):
        if own:  # who was let in by the code is not guessing
            raise CodeRefused
        raise bind_throttle.WrongCode
    foreign = {device.sn for device in [gateway, *named] if _is_foreign(device, claim, accounts)}
    if foreign:
        raise BoundElsewhere(foreign)
    if _names_another_gateway(claim, candidates, devices, accounts):
        raise CodeRefused
    if not newcomers.admit(gateway, new, organization_pk=claim.organization.pk):
        raise CodeRefused
    if gateway.workspace_id != code.workspace_id:
        _use_up(code)
    for candidate in candidates:
        _describe(devices[candidate.sn], candidate)
    _join(claim, code, [gateway, *named, *_unowned_sub_devices(gateway)])
    if gateway.bound_with_id != code.pk:
        # It was there before, and repeats the sequence with the code that it was given last.
        gateway.bound_with = code
        gateway.save(update_fields=["bound_with"])
    return code


def _is_foreign(device: Device, claim: Claim, accounts: Mapping[str, int]) -> bool:
    owners = {accounts.get(device.sn), device.workspace.organization_id if device.workspace is not None else None}
    return not owners <= {None, claim.organization.pk}


def _names_another_gateway(
    claim: Claim, candidates: Sequence[Candidate], devices: dict[str, Device], accounts: Mapping[str, int]
) -> bool:
    """A dock binds itself and its aircraft. One that names another dock or controller would take that one along."""
    gateways = ("dock", "controller")
    for candidate in candidates:
        claimed = products.parse_model_key(candidate.model_key)
        kinds = {devices[candidate.sn].kind, products.kind(claimed[0]) if claimed else "unknown"}
        if candidate.sn != claim.gateway_sn and (candidate.sn in accounts or kinds.intersection(gateways)):
            return True
    return False


def _use_up(code: BindCode) -> None:
    used = BindCode.objects.unscoped().filter(pk=code.pk, used_docks__lt=F("max_docks"))
    if not used.update(used_docks=F("used_docks") + 1):
        raise CodeRefused  # the row is locked, so this only guards against a caller without a transaction


def _describe(device: Device, candidate: Candidate) -> None:
    before = device.domain, device.type, device.sub_type, device.callsign
    product = products.parse_model_key(candidate.model_key)
    if product is not None:
        device.domain, device.type, device.sub_type = product
    if candidate.callsign:
        device.callsign = candidate.callsign
    if before != (device.domain, device.type, device.sub_type, device.callsign):
        device.save(update_fields=["domain", "type", "sub_type", "callsign"])


def _unowned_sub_devices(gateway: Device) -> list[Device]:
    return list(gateway.sub_devices.select_for_update().filter(workspace__isnull=True).order_by("sn"))


def _join(claim: Claim, code: BindCode, devices: Sequence[Device]) -> None:
    for device in dict.fromkeys(devices):
        if device.workspace_id == code.workspace_id:
            continue
        device.bound_with = code
        ownership.join(device, code.workspace, by=f"code {code}")
        audit.record(
            "device.bound",
            target=device.sn,
            workspace=code.workspace,
            gateway_sn=claim.gateway_sn,
            bind_code=str(code),
        )
    live.changed([device.sn for device in devices])
