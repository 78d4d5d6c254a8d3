"""Organizations with their DJI application, and workspaces."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cloudapi.fields import secret_state
from workspaces import services
from workspaces.admin.base import Audited, acting_user
from workspaces.admin.scoped import Scoped, is_superuser
from workspaces.models import Membership, Organization, Workspace

SECRET_STATES = {
    "empty": _("Nothing is stored yet."),
    "stored": _("Stored. Leave this empty to keep it."),
    "unreadable": _("Stored, but FIELD_ENCRYPTION_KEYS lacks its key. Add that key again, or enter the value anew."),
}


class OrganizationForm(forms.ModelForm):
    """Key and license are typed in and never shown again; leaving them empty keeps what is stored."""

    SECRETS = ("app_key", "app_license")

    class Meta:
        model = Organization
        fields = ["name", "app_id", "app_key", "app_license", "ntp_server_host", "ntp_server_port"]
        widgets = {
            "app_key": forms.PasswordInput(attrs={"autocomplete": "off", "size": 60}),
            "app_license": forms.PasswordInput(attrs={"autocomplete": "off", "size": 60}),
        }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name in self.SECRETS:
            self.fields[name].help_text = SECRET_STATES[secret_state(self.instance, name)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in self.SECRETS:
            if not cleaned.get(name):
                cleaned.pop(name, None)  # what is stored stays
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # Validating the row would read what is stored, and it may be unreadable.
        kept = {name for name in self.SECRETS if name not in self.cleaned_data}
        return super()._get_validation_exclusions() | kept  # type: ignore[misc,no-any-return]  # unknown to the stubs


class WorkspaceInline(Scoped, admin.TabularInline):
    model = Workspace
    organization_path = "organization"
    admins_may = frozenset({"view", "add", "change"})
    fields = ["name", "description", "workspace_id"]
    readonly_fields = ["workspace_id"]
    extra = 0
    can_delete = False
    show_change_link = True


@admin.register(Organization)
class OrganizationAdmin(Audited):
    form = OrganizationForm
    organization_path = ""
    admins_may = frozenset({"view", "change"})
    ordering = ["name"]
    list_display = ["name", "organization_id", "workspace_count", "is_binding_open", "created_at"]
    search_fields = ["name", "organization_id", "workspaces__workspace_id"]
    readonly_fields = ["organization_id", "binding_locked_until", "created_at"]
    fieldsets = [
        (None, {"fields": ["name", "organization_id", "created_at"]}),
        (
            _("DJI application"),
            {
                "fields": ["app_id", "app_key", "app_license"],
                "description": _("What docks get as their configuration."),
            },
        ),
        (_("Time"), {"fields": ["ntp_server_host", "ntp_server_port"]}),
        (_("Binding"), {"fields": ["binding_locked_until"]}),
    ]
    inlines = [WorkspaceInline]
    actions = ["clear_binding_lock"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        rows: QuerySet[Organization] = super().get_queryset(request)
        return rows.annotate(number_of_workspaces=Count("workspaces", distinct=True))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Names are unique on the platform and tell its superusers who is who.
        return [*self.readonly_fields, *([] if is_superuser(request) else ["name"])]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not form.instance.workspaces.exists():
            services.create_workspace(organization=form.instance, user=acting_user(request))

    def get_object(self, request: HttpRequest, *arguments: Any) -> Organization | None:
        organization: Organization | None = super().get_object(request, *arguments)
        states = [secret_state(organization, name) for name in OrganizationForm.SECRETS] if organization else []
        if request.method == "GET" and "unreadable" in states:
            text = _("The DJI application cannot be read, and neither docks nor pilots get it.")
            self.message_user(request, text, messages.ERROR)
        return organization

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # its audit trail outlives it

    @admin.display(description=_("workspaces"), ordering="number_of_workspaces")
    def workspace_count(self, organization: Organization) -> int:
        return getattr(organization, "number_of_workspaces", 0)

    @admin.display(description=_("binding open"), boolean=True, ordering="binding_locked_until")
    def is_binding_open(self, organization: Organization) -> bool:
        locked_until = organization.binding_locked_until
        return locked_until is None or locked_until <= timezone.now()

    @admin.action(description=_("End the lock on binding"), permissions=["change"])
    def clear_binding_lock(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        for organization in queryset:
            services.clear_binding_lock(organization=organization, user=acting_user(request))
        text = ngettext(
            "%(count)d organization can bind docks again.",
            "%(count)d organizations can bind docks again.",
            len(queryset),
        )
        self.message_user(request, text % {"count": len(queryset)}, messages.SUCCESS)


class MembershipInline(Scoped, admin.TabularInline):
    model = Membership
    organization_path = "workspace__organization"
    admins_may = frozenset({"view", "add", "change", "delete"})
    autocomplete_fields = ["user"]
    extra = 0

    def theirs(self, rows: QuerySet[Membership], request: HttpRequest) -> QuerySet[Membership]:
        # Admins do not change or end their own membership, so that an organization keeps one.
        return super().theirs(rows, request).exclude(user=request.user.pk)


@admin.register(Workspace)
class WorkspaceAdmin(Audited):
    organization_path = "organization"
    admins_may = frozenset({"view", "add", "change"})
    ordering = ["organization__name", "name"]
    list_display = ["name", "organization", "workspace_id", "device_count", "created_at"]
    list_filter = ["organization"]
    list_select_related = ["organization"]
    search_fields = ["name", "workspace_id", "organization__name"]
    autocomplete_fields = ["organization"]
    readonly_fields = ["workspace_id", "created_at"]
    fields = ["organization", "name", "description", "workspace_id", "created_at"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        rows: QuerySet[Workspace] = super().get_queryset(request)
        return rows.annotate(number_of_devices=Count("devices", distinct=True))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # A workspace that moved would take its devices into another tenant.
        return [*self.readonly_fields, "organization"] if obj else list(self.readonly_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an empty workspace, on its own page: devices are released and MQTT accounts removed one by one."""
        if obj is None or obj.devices.exists() or obj.mqtt_credentials.exists():
            return False
        return super().has_delete_permission(request, obj)

    @admin.display(description=_("devices"), ordering="number_of_devices")
    def device_count(self, workspace: Workspace) -> int:
        return getattr(workspace, "number_of_devices", 0)
