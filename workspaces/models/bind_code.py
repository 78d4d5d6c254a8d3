"""Bind code: the secret that lets docks join one workspace."""

import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from workspaces.models.organization import Workspace
from workspaces.scoping import ScopedManager, ScopedQuerySet

#: Without 0/O, 1/I/L and U: a code is read aloud and typed on a controller. 12 characters hold 58 bits.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 12


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _position in range(CODE_LENGTH))


def hash_code(code: str) -> str:
    """Keyed hash of a code as typed: case, spaces and hyphens do not matter."""
    typed = code.upper().replace(" ", "").replace("-", "")
    return salted_hmac("workspaces.bind_code", typed, algorithm="sha256").hexdigest()


class BindCodeQuerySet(ScopedQuerySet["BindCode"]):
    pass


class BindCode(models.Model):
    """A device binding code. The code itself is shown once and kept as a keyed hash."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="bind_codes", verbose_name=_("workspace")
    )
    code_hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("ends with"), max_length=4, editable=False)
    max_docks = models.PositiveIntegerField(_("docks allowed"), default=1)
    used_docks = models.PositiveIntegerField(_("docks bound"), default=0, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False,
        verbose_name=_("created by"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedManager.from_queryset(BindCodeQuerySet)()

    class Meta:
        verbose_name = _("bind code")
        verbose_name_plural = _("bind codes")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(max_docks__gte=1), name="bind_code_allows_a_dock"),
            models.CheckConstraint(
                condition=models.Q(used_docks__lte=models.F("max_docks")), name="bind_code_not_overused"
            ),
        ]

    def __str__(self) -> str:
        return f"…{self.hint}"

    def is_usable(self, now: datetime | None = None) -> bool:
        """True while a further dock may join with this code."""
        now = now or timezone.now()
        return self.revoked_at is None and self.expires_at > now and self.used_docks < self.max_docks
