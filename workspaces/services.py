"""Making organizations, workspaces, members and bind codes. Each function audits what it did, never a secret."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from workspaces import audit, bind_throttle
from workspaces.models import BindCode, Membership, Organization, Role, User, Workspace
from workspaces.models.bind_code import hash_code, new_code

MAX_DOCKS_PER_CODE = 100_000
#: Without look-alikes, so that a password can be read aloud: 16 of 54 characters hold 92 bits.
_UNMISTAKABLE = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"


class NewMember(NamedTuple):
    username: str
    password: str
    role: Role


class NewBindCode(NamedTuple):
    bind_code: BindCode
    code: str


@transaction.atomic
def create_organization(*, name: str, user: User | None = None) -> Workspace:
    """An organization with its first workspace, which is returned. Raises ValidationError, also for a taken name."""
    organization = Organization(name=name.strip())
    organization.full_clean(validate_unique=False)
    if Organization.objects.filter(name=organization.name).exists():
        raise ValidationError(_("There is already an organization named %(name)s.") % {"name": organization.name})
    organization.save()
    audit.record("organization.created", target=organization.name, organization=organization, user=user)
    return create_workspace(organization=organization, user=user)


@transaction.atomic
def create_workspace(*, organization: Organization, name: str = "", user: User | None = None) -> Workspace:
    """A workspace, named "Workspace 1" and so on unless the caller has a name. Raises ValidationError."""
    number = organization.workspaces.count() + 1
    workspace = Workspace(organization=organization, name=name or _("Workspace %(number)d") % {"number": number})
    workspace.full_clean()
    workspace.save()
    audit.record("workspace.created", target=workspace.name, workspace=workspace, user=user)
    return workspace


def create_members(
    *, workspace: Workspace, roles: Iterable[Role] = tuple(Role), user: User | None = None
) -> list[NewMember]:
    """One new user per role, with a random password that is returned here and kept nowhere."""
    return [create_member(workspace=workspace, role=role, user=user) for role in roles]


@transaction.atomic
def create_member(*, workspace: Workspace, role: Role, user: User | None = None) -> NewMember:
    """A new user with one membership. User names are unique on the platform: `{organization}-{role}`, numbered."""
    password = new_password()
    username = _free_username(f"{slugify(workspace.organization.name)[:100] or 'organization'}-{role.value}")
    member = User.objects.create_user(username=username, password=password)
    Membership.objects.create(user=member, workspace=workspace, role=role)
    audit.record("member.created", target=username, workspace=workspace, user=user, role=role.value)
    return NewMember(username, password, role)


@transaction.atomic
def issue_bind_code(
    *, workspace: Workspace, expires_at: datetime, max_docks: int = 1, user: User | None = None
) -> NewBindCode:
    """A code for `max_docks` docks. It is returned here and stored hashed.

    Raises ValidationError for a time that is not in the future and for a number of docks out of range.
    """
    if not 1 <= max_docks <= MAX_DOCKS_PER_CODE:
        raise ValidationError(_("A code is for 1 to %(limit)d docks.") % {"limit": MAX_DOCKS_PER_CODE})
    if expires_at <= timezone.now():
        raise ValidationError(_("A code has to expire in the future."))
    code = new_code()
    bind_code = BindCode.objects.create(
        workspace=workspace,
        code_hash=hash_code(code),
        hint=code[-4:],
        max_docks=max_docks,
        expires_at=expires_at,
        created_by=user,
    )
    audit.record(
        "bind_code.issued",
        target=str(bind_code),
        workspace=workspace,
        user=user,
        max_docks=max_docks,
        expires_at=expires_at.isoformat(),
    )
    return NewBindCode(bind_code, code)


def find_bind_code(code: str) -> BindCode | None:
    """The row of a code as typed, whatever its workspace and state."""
    typed = BindCode.objects.unscoped().filter(code_hash=hash_code(code))
    return typed.select_related("workspace__organization").first()


@transaction.atomic
def revoke_bind_code(*, bind_code: BindCode, user: User | None = None) -> datetime:
    """No dock can join with the code from now on; bound ones stay. Since when: revoking again changes nothing."""
    now = timezone.now()
    revoked = BindCode.objects.unscoped().filter(pk=bind_code.pk, revoked_at=None).update(revoked_at=now)
    if revoked:
        audit.record("bind_code.revoked", target=str(bind_code), workspace=bind_code.workspace, user=user)
    bind_code.refresh_from_db(fields=["revoked_at"])
    return bind_code.revoked_at or now


@transaction.atomic
def clear_binding_lock(*, organization: Organization, user: User | None = None) -> None:
    """Let the organization's docks bind again at once. Its count of wrong codes starts anew.

    Raises redis.RedisError; then nothing has changed.
    """
    Organization.objects.filter(pk=organization.pk).update(binding_locked_until=None)
    bind_throttle.forget(organization)
    audit.record("organization.binding_unlocked", target=organization.name, organization=organization, user=user)


def new_password() -> str:
    return "".join(secrets.choice(_UNMISTAKABLE) for _position in range(16))


def _free_username(wanted: str) -> str:
    username, number = wanted, 1
    while User.objects.filter(username=username).exists():
        number += 1
        username = f"{wanted}-{number}"
    return username
