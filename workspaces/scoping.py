"""Who may see what.

Tenant-owned models use `ScopedManager`. Its ways in are:

- `objects.for_user(user)`: rows of the workspaces that the user is a member of; nothing for anonymous, inactive or
  unknown users. Platform superusers get no more than their memberships: reaching across tenants is the admin's work.
- `objects.in_workspace(workspace)`: rows of one workspace; nothing for `None`.
- `objects.unscoped()`: across tenants. `tests/unit/test_scoping.py` lists the files that may say it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import models

if TYPE_CHECKING:
    from workspaces.models import User, Workspace

_M = TypeVar("_M", bound=models.Model)


class ScopedQuerySet(models.QuerySet[_M]):
    #: Lookup path from the model to its workspace; "" for the workspace itself.
    workspace_path: ClassVar[str] = "workspace"

    def for_user(self, user: User | AnonymousUser | None) -> Self:
        if user is None or user.pk is None or not user.is_authenticated or not user.is_active:
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
