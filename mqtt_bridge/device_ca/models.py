"""Which certificates gateways were given. Private keys are stored nowhere."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.models import Organization


class DeviceCertificate(models.Model):
    """One certificate of the device CA. Rows stay when they are revoked: the revocation list is made from them."""

    #: Hexadecimal, as `openssl x509 -serial` shows it.
    serial = models.CharField(_("serial number"), max_length=40, unique=True)
    gateway_sn = models.CharField(_("gateway SN"), max_length=64, db_index=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="device_certificates", verbose_name=_("organization")
    )
    issued_at = models.DateTimeField(_("issued"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("device certificate")
        verbose_name_plural = _("device certificates")
        ordering = ["gateway_sn", "issued_at"]

    def __str__(self) -> str:
        return f"{self.gateway_sn} {self.serial}"
