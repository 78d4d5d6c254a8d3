"""Who may see what.

Tenant-owned models use `ScopedManager`. Its ways in are:

- `objects.for_user(user)`: rows of the workspaces that the user is a member of; nothing for anonymous, inactive or
  unknown users. Platform superusers get no more than their memberships: reaching across tenants is the admin's work.
- `objects.in_workspace(workspace)`: rows of one workspace; nothing for `None`.
- `objects.unscoped()`: across tenants. `tests/unit/test_scoping.py` lists the files that may say it.

What a member may do beyond seeing is asked with `may(user, workspace, capability)`; the table is in
`workspaces/roles.py`. An organization's admins are those who are admins of one of its workspaces, and they administer
all of it. Platform superusers are something else: they have no role anywhere unless they are members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeGuard, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import models

from workspaces.roles import Capability, allows, roles_with

if TYPE_CHECKING:
    from workspaces.models import Organization, User, Workspace

_M = TypeVar("_M", bound=models.Model)


class ScopedQuerySet(models.QuerySet[_M]):
    #: Lookup path from the model to its workspace; "" for the workspace itself.
    workspace_path: ClassVar[str] = "workspace"

    def for_user(self, user: User | AnonymousUser | None) -> Self:
        if not _is_known(user):
            return self.none()
        path = f"{self.workspace_path}__memberships__user" if self.workspace_path else "memberships__user"
        return self.filter(**{path: user})

    def in_workspace(self, workspace: Workspace | None) -> Self:
        if workspace is None or workspace.pk is None:
            return self.none()
        return self.filter(**{self.workspace_path or "pk": workspace.pk})

    def unscoped(self) -> Self:
        return self.all()


class ScopedManager(models.Manager[_M]):
    """Base of the managers; `from_queryset` adds the three ways in."""

    def create(self, **kwargs: Any) -> _M:
        return super().create(**kwargs)


def may(user: User | AnonymousUser | None, workspace: Workspace | None, capability: Capability) -> bool:
    """Whether the user's present role in the workspace allows it; False for strangers and for no workspace."""
    from workspaces.models import Membership

    if not _is_known(user) or workspace is None or workspace.pk is None:
        return False
    memberships = Membership.objects.in_workspace(workspace).filter(user=user.pk)
    return any(allows(role, capability) for role in memberships.values_list("role", flat=True))


def administered(user: User | AnonymousUser | None) -> models.QuerySet[Organization]:
    """The organizations that the user is an admin of; none for strangers."""
    from workspaces.models import Membership, Organization

    if not _is_known(user):
        return Organization.objects.none()
    of_theirs = Membership.objects.for_user(user).filter(user=user.pk, role__in=roles_with(Capability.ADMINISTER))
    return Organization.objects.filter(pk__in=of_theirs.values("workspace__organization"))


def owns_account(admin: User | AnonymousUser | None, user: User) -> bool:
    """Whether the user is a member of the admin's organizations and of no other, and no superuser."""
    from workspaces.models import Membership

    memberships = Membership.objects.unscoped().filter(user=user.pk)
    theirs = {"workspace__organization__in": administered(admin)}
    return (
        not user.is_superuser and memberships.filter(**theirs).exists() and not memberships.exclude(**theirs).exists()
    )


def manages_account(admin: User | AnonymousUser | None, user: User) -> bool:
    """Whether the admin may change the account and give it another password."""
    return _is_known(admin) and (admin.is_superuser or owns_account(admin, user))


def may_enter_administration(user: User | AnonymousUser | None) -> bool:
    """Superusers and the admins of organizations; nobody else, whatever `is_staff` says."""
    return _is_known(user) and (user.is_superuser or administered(user).exists())


def _is_known(user: User | AnonymousUser | None) -> TypeGuard[User]:
    return user is not None and user.pk is not None and user.is_authenticated and user.is_active
