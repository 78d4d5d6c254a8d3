"""The audit trail: for reading only."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from workspaces.admin.scoped import ScopedModelAdmin, WorkspaceFilter
from workspaces.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ScopedModelAdmin):
    organization_path = "organization"
    admins_may = frozenset({"view"})
    admins_list_filter = ("at", "action", WorkspaceFilter)
    list_display = ["at", "action", "target", "gateway_sn", "user_name", "workspace_name", "organization"]
    list_filter = ["at", "action", "organization"]
    list_select_related = ["organization"]
    search_fields = ["action", "target", "gateway_sn", "user_name"]
    date_hierarchy = "at"
    fields = ("at", "action", "target", "gateway_sn", "user_name", "workspace_name", "organization", "readable_detail")
    readonly_fields = (*fields,)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *_arguments: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("detail"))
    def readable_detail(self, entry: AuditEntry) -> str:
        return format_html("<pre>{}</pre>", json.dumps(entry.detail, indent=2, ensure_ascii=False, sort_keys=True))
