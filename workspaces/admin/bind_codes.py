"""Bind codes: a code is shown once, when it is made."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from workspaces import services
from workspaces.admin.base import acting_user
from workspaces.admin.scoped import ScopedModelAdmin, WorkspaceFilter
from workspaces.models import BindCode


class BindCodeForm(forms.ModelForm):
    class Meta:
        model = BindCode
        fields = ["workspace", "max_docks", "expires_at"]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if "max_docks" in self.fields:
            limits = [MinValueValidator(1), MaxValueValidator(services.MAX_DOCKS_PER_CODE)]
            self.fields["max_docks"].validators += limits

    def clean_expires_at(self) -> datetime:
        expires_at: datetime = self.cleaned_data["expires_at"]
        if expires_at <= timezone.now():
            raise ValidationError(_("A code has to expire in the future."))
        return expires_at


@admin.register(BindCode)
class BindCodeAdmin(ScopedModelAdmin):
    organization_path = "workspace__organization"
    admins_may = frozenset({"view", "add"})
    admins_list_filter = (WorkspaceFilter, "expires_at", "revoked_at")
    form = BindCodeForm
    list_display = [
        "__str__",
        "workspace",
        "used",
        "is_usable_now",
        "expires_at",
        "revoked_at",
        "created_by",
        "created_at",
    ]
    list_filter = ["workspace__organization", "expires_at", "revoked_at"]
    list_select_related = ["workspace__organization", "created_by"]
    search_fields = ["hint", "workspace__name", "workspace__organization__name"]
    autocomplete_fields = ["workspace"]
    actions = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: BindCode | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("workspace", "max_docks", "expires_at")
        return ("hint", "workspace", "used", "is_usable_now", "expires_at", "revoked_at", "created_by", "created_at")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"expires_at": timezone.now() + timedelta(hours=72), **super().get_changeform_initial_data(request)}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoke it: devices remember what they were bound with

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: BindCode, form: Any, change: bool) -> None:
        issued, code = services.issue_bind_code(
            workspace=obj.workspace, expires_at=obj.expires_at, max_docks=obj.max_docks, user=acting_user(request)
        )
        obj.pk, obj.hint = issued.pk, issued.hint
        shown = format_html(
            gettext("The device binding code is {}. It is shown only now. Organization ID: {}."),
            _strong(code),
            _strong(issued.workspace.organization.organization_id),
        )
        self.message_user(request, shown, messages.WARNING)

    @admin.display(description=_("docks"))
    def used(self, bind_code: BindCode) -> str:
        return gettext("%(used)d of %(allowed)d") % {"used": bind_code.used_docks, "allowed": bind_code.max_docks}

    @admin.display(description=_("usable"), boolean=True)
    def is_usable_now(self, bind_code: BindCode) -> bool:
        return bind_code.is_usable()

    @admin.action(description=_("Revoke selected bind codes"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[BindCode]) -> None:
        for bind_code in queryset.select_related("workspace__organization"):
            services.revoke_bind_code(bind_code=bind_code, user=acting_user(request))
        text = ngettext("%(count)d bind code is revoked.", "%(count)d bind codes are revoked.", len(queryset))
        self.message_user(request, text % {"count": len(queryset)}, messages.SUCCESS)


def _strong(text: str) -> str:
    return format_html("<strong><code>{}</code></strong>", text)
