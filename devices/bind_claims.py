"""What a gateway says that wants to be bound: a code, and the organization it belongs to. Both are verified here."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.utils import timezone

from devices.models import Device
from workspaces import bind_throttle
from workspaces.models import BindCode, Organization
from workspaces.models.bind_code import hash_code


class CodeRefused(Exception):
    """The code does not let this gateway in. Deliberately without a reason: guessers must not learn one."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a gateway says: a code, and the organization it belongs to. Both are claims to verify."""

    gateway_sn: str
    organization: Organization  # by our tables, not by the message
    code: str
    organization_id: str


def look_up(claim: Claim) -> BindCode:
    """The code, if the gateway may bind with it. Raises CodeRefused, and counts the wrong code.

    A gateway that joined with this code may still ask with it when it is used up or expired: docks repeat the whole
    sequence when they restart (device facts, B6).
    """
    try:
        with one_try(claim):
            return _look_up(claim)
    except (bind_throttle.Locked, bind_throttle.WrongCode):
        raise CodeRefused from None


def one_try(claim: Claim) -> AbstractContextManager[None]:
    """As `bind_throttle.one_try`."""
    return bind_throttle.one_try(gateway_sn=claim.gateway_sn, organization=claim.organization, now=timezone.now())


def _look_up(claim: Claim) -> BindCode:
    code = find(claim)
    if code is None:
        raise bind_throttle.WrongCode
    own = _joined_with(claim, code)
    if code.is_usable() or (own and code.revoked_at is None):
        return code
    if own:  # who was let in by the code is not guessing
        raise CodeRefused
    raise bind_throttle.WrongCode


def find(claim: Claim) -> BindCode | None:
    """The code, locked; None if there is none, or organization and organization ID do not fit it."""
    code = (
        BindCode.objects.unscoped()
        .select_for_update(of=("self",))
        .select_related("workspace__organization")
        .filter(code_hash=hash_code(claim.code), workspace__organization=claim.organization)
        .first()
    )
    return code if code is not None and claim.organization.organization_id == claim.organization_id.strip() else None


def _joined_with(claim: Claim, code: BindCode) -> bool:
    return (
        Device.objects.unscoped().filter(sn=claim.gateway_sn, bound_with=code, workspace_id=code.workspace_id).exists()
    )
