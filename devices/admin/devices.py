"""The list of devices, and the page of one."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from devices import clock_text, live
from devices.admin import timeline
from devices.admin.changelist import DeviceChangeList, KindFilter
from devices.admin.owners import OwnerActions
from devices.models import Device
from workspaces.admin.base import NOTHING
from workspaces.admin.scoped import WorkspaceFilter, is_superuser


@admin.register(Device)
class DeviceAdmin(OwnerActions):
    organization_path = "workspace__organization"
    admins_may = frozenset({"view", "change"})
    admins_list_display = (
        "sn", "callsign", "kind_name", "model_name", "online", "reason", "last_seen_at", "clock", "workspace",
        "own_gateway",
    )  # fmt: skip
    admins_list_filter = (KindFilter, "online", "offline_reason", WorkspaceFilter)
    list_display = [
        "sn",
        "callsign",
        "kind_name",
        "model_name",
        "online",
        "reason",
        "last_seen_at",
        "clock",
        "workspace",
        "gateway",
    ]
    list_filter = [
        KindFilter,
        "online",
        "offline_reason",
        ("workspace", admin.EmptyFieldListFilter),
        "workspace__organization",
    ]
    list_select_related = ["workspace__organization", "gateway"]
    search_fields = ["sn", "callsign"]
    fieldsets = [
        (None, {"fields": ["sn", "callsign", "kind_name", "model_name", "model_key", "thing_version"]}),
        (_("Owner"), {"fields": ["workspace", "bound_at", "bound_with"]}),
        (
            _("Connection"),
            {"fields": ["online", "reason", "last_seen_at", "clock", "gateway", "channel_index", "created_at"]},
        ),
    ]
    readonly_fields = (
        "sn", "kind_name", "model_name", "model_key", "thing_version", "workspace", "bound_at", "bound_with", "online",
        "reason", "last_seen_at", "clock", "gateway", "channel_index", "created_at",
    )  # fmt: skip
    inlines = [timeline.TimelineInline]

    def get_changelist(self, request: HttpRequest, **_options: Any) -> type[ChangeList]:
        return DeviceChangeList

    def get_fieldsets(self, request: HttpRequest, obj: Device | None = None) -> Any:
        if is_superuser(request):
            return self.fieldsets
        [about, owner, (title, connection)] = self.fieldsets
        own = ["own_gateway" if name == "gateway" else name for name in connection["fields"]]
        return [about, owner, (title, {"fields": own}), (_("Timeline"), {"fields": ["told"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Device | None = None) -> Any:
        return (*self.readonly_fields, "own_gateway", "told")

    def save_model(self, request: HttpRequest, obj: Device, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        live.changed([obj.sn])

    def has_add_permission(self, request: HttpRequest, *_arguments: Any) -> bool:
        return False  # devices become known by their MQTT account or by connecting

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what nobody owns, on its own page; a device that speaks again becomes known again."""
        return obj is not None and obj.workspace_id is None and super().has_delete_permission(request, obj)

    @admin.display(description=_("kind"), ordering="domain")
    def kind_name(self, device: Device) -> str:
        labels = {
            "aircraft": _("aircraft"),
            "payload": _("payload"),
            "controller": _("controller"),
            "dock": _("dock"),
            "unknown": _("unknown"),
        }
        return str(labels[device.kind])

    @admin.display(description=_("model"), ordering="type")
    def model_name(self, device: Device) -> str:
        return device.model_name or NOTHING

    @admin.display(description=_("offline because"), ordering="offline_reason")
    def reason(self, device: Device) -> str:
        return device.get_offline_reason_display() or NOTHING

    @admin.display(description=_("gateway"), ordering="gateway")
    def own_gateway(self, device: Device) -> str:
        gateway = device.gateway
        return gateway.sn if gateway is not None and gateway.workspace_id == device.workspace_id else NOTHING

    @admin.display(description=_("latest first"))
    def told(self, device: Device) -> str:
        return timeline.told(device)

    @admin.display(description=_("clock"), ordering="clock_skew_ms")
    def clock(self, device: Device) -> str:
        return clock_text.clock_warning(device.clock_skew_ms) or NOTHING
