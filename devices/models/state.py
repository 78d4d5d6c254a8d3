"""What SQL knows of telemetry: few typed columns. Everything else of it is in Valkey, as the device sent it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models.device import Device
from workspaces.models import Workspace
from workspaces.scoping import ScopedManager, ScopedQuerySet


class Narrow(models.Model):
    """NULL where a device has no such value, or none that can be: 0/0 and impossible coordinates are no position."""

    latitude = models.FloatField(_("latitude (°)"), null=True)
    longitude = models.FloatField(_("longitude (°)"), null=True)
    height = models.FloatField(_("height above the ellipsoid (m)"), null=True)
    elevation = models.FloatField(_("height above the take-off (m)"), null=True)
    heading = models.FloatField(_("heading (°)"), null=True)
    horizontal_speed = models.FloatField(_("horizontal speed (m/s)"), null=True)
    vertical_speed = models.FloatField(_("vertical speed (m/s)"), null=True)
    battery_percent = models.SmallIntegerField(_("battery (%)"), null=True)
    mode_code = models.IntegerField(_("mode"), null=True)

    class Meta:
        abstract = True


class DeviceState(Narrow):
    """The latest of one device, a few seconds old. Written by the worker alone, in one statement for all devices.

    Without a constraint in the database: its lock on the device's row would wait for topology and presence.
    """

    device = models.OneToOneField(
        Device, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="state",
        verbose_name=_("device"),
    )  # fmt: skip
    heard_at = models.DateTimeField(_("last heard"))

    class Meta:
        verbose_name = _("latest values")
        verbose_name_plural = _("latest values")

    def __str__(self) -> str:
        return f"{self.device_id} {self.heard_at:%Y-%m-%d %H:%M:%S}"


class TrackPointQuerySet(ScopedQuerySet["TrackPoint"]):
    pass


class TrackPoint(Narrow):
    """Where a device was, and how, at one moment: a row per device each HISTORY_SECONDS while something changes.

    On PostgreSQL the table is partitioned by day (`devices.partitions`). A point belongs to the workspace that the
    device was in at that time.
    """

    pk = models.CompositePrimaryKey("device_id", "at")
    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="track"
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    at = models.DateTimeField(_("at"))

    objects = ScopedManager.from_queryset(TrackPointQuerySet)()

    class Meta:
        verbose_name = _("track point")
        verbose_name_plural = _("track points")
        ordering = ["at"]

    def __str__(self) -> str:
        return f"{self.device_id} {self.at:%Y-%m-%d %H:%M:%S}"
