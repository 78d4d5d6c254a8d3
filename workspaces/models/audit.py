"""The audit trail: what was done or refused, by whom, to what.

Append-only: a trigger in the database refuses to change or delete a line, also for cascades, bulk operations and SQL
(migration `audit_append_only`). Lines are kept for as long as the platform is. So they say in words who did it and
where, and keep the id of a user or workspace that has been deleted; an organization with a trail cannot be deleted.
"""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.models.organization import Organization, Workspace

REFUSAL = "The audit trail is append-only."


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Says so before the database does."""

    def update(self, **_values: Any) -> NoReturn:
        raise TypeError(REFUSAL)

    def delete(self) -> NoReturn:
        raise TypeError(REFUSAL)


class AuditEntry(models.Model):
    """One line of the trail. Nobody changes or deletes one."""

    at = models.DateTimeField(_("at"), auto_now_add=True, db_index=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, related_name="audit_entries", verbose_name=_("organization")
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+",
        verbose_name=_("workspace"),
    )  # fmt: skip
    workspace_name = models.CharField(_("workspace"), max_length=100, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+",
        verbose_name=_("user"),
    )  # fmt: skip
    user_name = models.CharField(_("user"), max_length=150, blank=True)
    gateway_sn = models.CharField(_("gateway SN"), max_length=64, blank=True, db_index=True)
    action = models.CharField(_("action"), max_length=64)
    target = models.CharField(_("target"), max_length=200, blank=True)
    detail = models.JSONField(_("detail"), default=dict)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError(REFUSAL)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(REFUSAL)
