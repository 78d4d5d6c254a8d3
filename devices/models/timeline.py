"""The timeline: each coming and going of a device, with who or what caused it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models.device import Device


class TimelineEntry(models.Model):
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="timeline", verbose_name=_("device"))
    at = models.DateTimeField(_("at"))
    event = models.CharField(_("event"), max_length=32)
    detail = models.CharField(_("detail"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("timeline entry")
        verbose_name_plural = _("timeline")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["device", "-at"], name="timeline_device")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.event}"
