"""Admin pages of devices. What devices report is read-only; owners change by actions."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from redis import RedisError

from devices import clock_text, heard, live, ownership, story
from devices.models import Device, TimelineEntry
from workspaces.admin.base import NOTHING, Audited, acting_user
from workspaces.admin.scoped import Scoped, WorkspaceFilter, is_superuser
from workspaces.models import Workspace


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("3", _("dock")), ("2", _("controller")), ("0", _("aircraft")), ("other", _("unknown"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> QuerySet[Device]:
        if self.value() in {"0", "2", "3"}:
            return queryset.filter(domain=self.value())
        if self.value() == "other":
            return queryset.filter(Q(domain=None) | ~Q(domain__in=[0, 2, 3]))
        return queryset


class WorkspaceChoice(forms.Form):
    def __init__(self, data: Any, *, workspaces: QuerySet[Workspace]) -> None:
        super().__init__(data)
        self.fields["workspace"] = forms.ModelChoiceField(workspaces, label=_("Workspace"))


class DeviceChangeList(ChangeList):
    """Adds the live moment of the last message to the rows of the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        try:
            last_seen = heard.last_seen([device.sn for device in rows])
        except RedisError:
            last_seen = {}
        for device in rows:
            if device.sn in last_seen:
                device.last_seen_at = heard.moment(last_seen[device.sn])
        self.result_list = rows


class LatestTimelineFormSet(forms.BaseInlineFormSet):
    SHOWN = 50

    def get_queryset(self) -> QuerySet[TimelineEntry]:
        return super().get_queryset()[: self.SHOWN]


class TimelineInline(Scoped, admin.TabularInline):
    """Everything that happened to the device, whoever had it: for superusers."""

    model = TimelineEntry
    formset = LatestTimelineFormSet
    fields = ("at", "event", "detail")
    readonly_fields = ("at", "event", "detail")
    verbose_name_plural = _("timeline (latest first)")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, *_arguments: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Device)
class DeviceAdmin(Audited):
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
    inlines = [TimelineInline]
    actions = ["claim", "move", "release"]

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
        if device.workspace is None:
            return NOTHING
        lines = story.for_workspace(device, device.workspace)
        rows = ((date_format(timezone.localtime(line.since), "DATETIME_FORMAT"), line.text) for line in lines)
        return format_html_join("", "<p>{}: {}</p>", rows) or NOTHING

    @admin.display(description=_("clock"), ordering="clock_skew_ms")
    def clock(self, device: Device) -> str:
        return clock_text.clock_warning(device.clock_skew_ms) or NOTHING

    @admin.action(description=_("Let unclaimed devices join a workspace"), permissions=["claim"])
    def claim(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
        title = gettext("Let unclaimed devices join a workspace")
        return self._join(request, queryset.filter(workspace=None), "claim", title)

    @admin.action(description=_("Move to another workspace of the organization"), permissions=["change"])
    def move(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
        title = gettext("Move to another workspace of the organization")
        return self._join(request, queryset.filter(workspace__isnull=False), "move", title)

    def has_claim_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)  # what nobody owns is nobody's to take

    def _join(self, request: HttpRequest, queryset: QuerySet[Device], action: str, title: str) -> HttpResponse | None:
        """Asks for the workspace first, on a page of its own."""
        own = self.choices(request, Workspace).select_related("organization")
        chosen = WorkspaceChoice(request.POST if "workspace" in request.POST else None, workspaces=own)
        if not chosen.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": title,
                "opts": self.opts,
                "action": action,
                "form": chosen,
                "devices": queryset.select_related("workspace__organization"),
            }
            return TemplateResponse(request, "admin/devices/device/choose_workspace.html", context)
        workspace = chosen.cleaned_data["workspace"]
        try:
            joined = ownership.move(list(queryset), workspace=workspace, user=acting_user(request))
        except ownership.OwnedElsewhere as error:
            text = gettext("Nothing was changed. These belong to another organization: %(sns)s")
            self.message_user(request, text % {"sns": error}, messages.ERROR)
            return None
        text = ngettext("%(count)d device joined %(workspace)s.", "%(count)d devices joined %(workspace)s.", joined)
        self.message_user(request, text % {"count": joined, "workspace": workspace}, messages.SUCCESS)
        return None

    @admin.action(description=_("Release from the workspace"), permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        devices = list(queryset.filter(workspace__isnull=False))
        for device in devices:
            ownership.release(device=device, user=acting_user(request))
        text = ngettext("%(count)d device was released.", "%(count)d devices were released.", len(devices))
        self.message_user(request, text % {"count": len(devices)}, messages.SUCCESS)
