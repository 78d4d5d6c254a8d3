"""Device: a gateway (dock, remote controller) or a sub-device (aircraft)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices import products
from workspaces.models import BindCode, Workspace
from workspaces.scoping import ScopedManager, ScopedQuerySet


class OfflineReason(models.TextChoices):
    """Why a device is offline; "" while it is online. Stored words are stable, the labels are for people."""

    NEVER_CONNECTED = "never_connected", _("has not connected yet")
    LEFT_GATEWAY = "left_gateway", _("no longer connected to its gateway")
    GATEWAY_OFFLINE = "gateway_offline", _("its gateway went offline")
    SILENT = "silent", _("not heard from for 30 seconds")
    DISCONNECTED = "disconnected", _("lost its connection to the broker")
    RELEASED = "released", _("released from its workspace")


class DeviceQuerySet(ScopedQuerySet["Device"]):
    pass


class Device(models.Model):
    """One row per serial number on the platform. `workspace` is empty while nobody owns the device (unclaimed).

    Rows have several writers (topology, presence, people), so every write names its fields.
    """

    sn = models.CharField(_("serial number"), max_length=64, unique=True)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.SET_NULL, null=True, blank=True, related_name="devices", verbose_name=_("workspace")
    )
    domain = models.PositiveSmallIntegerField(_("domain"), null=True, blank=True)
    type = models.PositiveIntegerField(_("type"), null=True, blank=True)
    sub_type = models.PositiveIntegerField(_("sub-type"), null=True, blank=True)
    callsign = models.CharField(_("callsign"), max_length=100, blank=True)
    thing_version = models.CharField(_("thing model version"), max_length=32, blank=True)
    gateway = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="sub_devices", verbose_name=_("gateway")
    )
    channel_index = models.CharField(_("channel index"), max_length=16, blank=True)

    bound_at = models.DateTimeField(_("bound"), null=True, blank=True)
    bound_with = models.ForeignKey(
        BindCode, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("bound with code")
    )

    online = models.BooleanField(_("online"), default=False)
    offline_reason = models.CharField(
        _("offline because"), max_length=20, choices=OfflineReason.choices, blank=True,
        default=OfflineReason.NEVER_CONNECTED,
    )  # fmt: skip
    last_seen_at = models.DateTimeField(_("last heard"), null=True, blank=True)

    clock_skew_ms = models.BigIntegerField(
        _("clock skew (ms)"), null=True, blank=True, editable=False,
        help_text=_("Our clock minus the gateway's, smoothed. Timed commands fail when it exceeds 30 seconds."),
    )  # fmt: skip

    #: When the stored topology was sent, for a gateway: the device's own clock in ms, never later than ours; and our
    #: clock when it arrived. For a sub-device: our clock when a gateway last named it, across gateways.
    topology_timestamp = models.BigIntegerField(null=True, blank=True, editable=False)
    topology_received_at = models.BigIntegerField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("first heard"), auto_now_add=True)

    objects = ScopedManager.from_queryset(DeviceQuerySet)()

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["sn"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(sn=""), name="device_has_sn"),
            models.CheckConstraint(condition=~models.Q(gateway=models.F("id")), name="device_not_its_own_gateway"),
            models.CheckConstraint(
                condition=models.Q(online=False) | models.Q(offline_reason=""), name="device_online_without_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.callsign} ({self.sn})" if self.callsign else self.sn

    @property
    def model_key(self) -> str:
        """`domain-type-sub_type` as in DJI's product tables, "" while unknown."""
        if self.domain is None or self.type is None:
            return ""
        return f"{self.domain}-{self.type}-{self.sub_type or 0}"

    @property
    def model_name(self) -> str:
        return products.name(self.model_key)

    @property
    def kind(self) -> products.Kind:
        return products.kind(self.domain)
