"""MQTT accounts of gateways, and the ledger of handled requests.

An account protects its workspace and its pilot: a row that went with them would leave its account at the broker.
"""

import base64
import secrets
import uuid

from django.conf import settings
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from workspaces.models import Workspace
from workspaces.scoping import ScopedManager, ScopedQuerySet


def new_seed() -> str:
    return secrets.token_hex(16)


def derive_password(username: str, seed: str) -> str:
    """26 characters of base32 (130 bits) from the seed and our key."""
    keyed = salted_hmac("mqtt_bridge.credential", f"{username}\0{seed}", algorithm="sha256").digest()
    return base64.b32encode(keyed).decode()[:26].lower()


class MqttCredentialQuerySet(ScopedQuerySet["MqttCredential"]):
    pass


class MqttCredential(models.Model):
    """The broker account of one gateway. It says which organization the gateway belongs to, before and after binding.

    The password is the keyed hash of a random 128-bit seed, and only the seed is stored: the database alone gives
    nothing away, checking is fast (2,000 gateways may reconnect at once), and an emptied broker can be filled again.
    """

    username = models.CharField(_("user name"), max_length=64, unique=True)
    seed = models.CharField(max_length=32, default=new_seed, editable=False)
    gateway_sn = models.CharField(_("gateway SN"), max_length=64, unique=True)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="mqtt_credentials", verbose_name=_("workspace")
    )
    pilot = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, editable=False,
        related_name="mqtt_credentials", verbose_name=_("pilot"),
        help_text=_("Who logged in on this controller; empty for an account that an administrator issued."),
    )  # fmt: skip
    #: The pilot's log-in (`AccessToken.login_id`) that the account ends with.
    login_id = models.UUIDField(null=True, blank=True, editable=False)
    #: It may connect with its SN as client id only, since it has tried another gateway's.
    is_tied = models.BooleanField(default=False, editable=False)
    #: Of the pilot's password when the account was made: a changed password ends it, as it ends the log-in's tokens.
    password_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False,
        verbose_name=_("created by"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedManager.from_queryset(MqttCredentialQuerySet)()

    class Meta:
        verbose_name = _("MQTT credential")
        verbose_name_plural = _("MQTT credentials")
        ordering = ["gateway_sn"]

    def __str__(self) -> str:
        return self.username

    @property
    def password(self) -> str:
        """26 characters of base32 (130 bits), short enough to be typed into Pilot by hand once."""
        return derive_password(self.username, self.seed)


class UnpinnedCredentialQuerySet(ScopedQuerySet["UnpinnedCredential"]):
    pass


class UnpinnedCredential(models.Model):
    """A broker account whose controller is not known yet: pilot pages of other vendors ask for an account without
    naming their controller. It may connect and nothing else; the first connection's client id, which is the
    controller's SN, turns it into an MqttCredential with the same name and password."""

    username = models.CharField(max_length=64, unique=True)
    seed = models.CharField(max_length=32, default=new_seed, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    pilot = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    #: One for each log-in: a pilot may be logged in on several controllers.
    login_id = models.UUIDField(default=uuid.uuid4, editable=False)
    password_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager.from_queryset(UnpinnedCredentialQuerySet)()

    class Meta:
        verbose_name = _("unpinned MQTT credential")
        verbose_name_plural = _("unpinned MQTT credentials")
        constraints = [
            models.UniqueConstraint(fields=["login_id", "workspace"], name="unpinned_credential_once"),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def password(self) -> str:
        return derive_password(self.username, self.seed)


class HandledRequest(models.Model):
    """Ledger: a request that was handled, with the reply it got. A repeat gets the same reply and no second effect."""

    gateway_sn = models.CharField(max_length=64)
    method = models.CharField(max_length=64)
    tid = models.CharField(max_length=128)
    bid = models.CharField(max_length=128)
    #: Keyed digest of `data`, which may hold a bind code. A device that reuses its ids for another question gets
    #: another answer.
    digest = models.CharField(max_length=64)
    reply = models.JSONField(null=True)
    handled_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("handled request")
        verbose_name_plural = _("handled requests")
        constraints = [
            models.UniqueConstraint(
                fields=["gateway_sn", "method", "tid", "bid", "digest"], name="handled_request_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway_sn} {self.method} {self.tid}"


# Beside their subject, and found here by Django.
from mqtt_bridge.device_ca.models import DeviceCertificate  # noqa: E402

__all__ = ["DeviceCertificate", "HandledRequest", "MqttCredential", "UnpinnedCredential"]
