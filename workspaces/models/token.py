"""Access tokens of Pilot and of web clients."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.models.organization import Workspace
from workspaces.scoping import ScopedManager, ScopedQuerySet


class ClientKind(models.TextChoices):
    """What the contract calls the account type: 1 is the web, 2 is Pilot."""

    WEB = "web", _("web")
    PILOT = "pilot", _("Pilot")


class AccessTokenQuerySet(ScopedQuerySet["AccessToken"]):
    pass


class AccessToken(models.Model):
    """An opaque token, kept as a hash, for one user in one workspace by one kind of client."""

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="access_tokens")
    client = models.CharField(max_length=5, choices=ClientKind.choices)
    #: The log-in that this token comes from, at first hand or by refreshing: logging out ends all of its tokens.
    login_id = models.UUIDField(default=uuid.uuid4, editable=False, db_index=True)
    #: Of the password at log-in: changing the password ends the token.
    password_fingerprint = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    #: The user's present role in the workspace; `workspaces.tokens.check` sets it.
    role = ""

    objects = ScopedManager.from_queryset(AccessTokenQuerySet)()

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")

    def __str__(self) -> str:
        return f"{self.user} · {self.get_client_display()}"
