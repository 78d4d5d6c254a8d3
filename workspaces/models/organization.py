"""Organization (the tenant) and workspace (where its people and devices meet)."""

import secrets
import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cloudapi.fields import EncryptedTextField
from workspaces.scoping import ScopedManager, ScopedQuerySet


def new_organization_id() -> str:
    """Nine digits: the organization id is typed by hand into Pilot on the dock's controller. It is not a secret."""
    return str(secrets.randbelow(900_000_000) + 100_000_000)


class Organization(models.Model):
    """The tenant. Owns workspaces, the DJI application and the NTP server that `config` answers with."""

    organization_id = models.CharField(
        _("organization ID"), max_length=64, unique=True, default=new_organization_id, editable=False
    )
    name = models.CharField(_("name"), max_length=100, unique=True)
    app_id = models.CharField(_("DJI App ID"), max_length=64, blank=True)
    app_key = EncryptedTextField(_("DJI App Key"), max_length=256, blank=True)
    app_license = EncryptedTextField(_("DJI App Basic License"), max_length=2048, blank=True)
    ntp_server_host = models.CharField(
        _("NTP server host"),
        max_length=253,
        default="pool.ntp.org",
        help_text=_("Docks take their time from it. It must be reachable from the dock."),
    )
    ntp_server_port = models.PositiveIntegerField(
        _("NTP server port"), default=123, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    binding_locked_until = models.DateTimeField(
        _("binding locked until"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Set after too many wrong bind codes; no dock of this organization can bind before."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ntp_server_port__gte=1, ntp_server_port__lte=65535), name="organization_ntp_port"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WorkspaceQuerySet(ScopedQuerySet["Workspace"]):
    workspace_path = ""


class Workspace(models.Model):
    """Where people and devices meet. Pilot insists that its id is a UUID (J2)."""

    workspace_id = models.UUIDField(_("workspace ID"), default=uuid.uuid4, unique=True, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="workspaces", verbose_name=_("organization")
    )
    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedManager.from_queryset(WorkspaceQuerySet)()

    class Meta:
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")
        ordering = ["organization__name", "name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="workspace_name_in_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.organization} / {self.name}"
