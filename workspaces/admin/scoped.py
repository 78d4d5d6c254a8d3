"""What the admins of an organization see and do in the administration. It fails closed: a page that declares nothing is
for the platform's superusers alone.

Superusers see all tenants. Everybody else sees the rows of the organizations that they administer, wherever Django's
admin shows rows: lists, searches, filters, choices of foreign keys, autocompletion, actions and confirmations all
start from `get_queryset`.
"""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from collections.abc import Iterable
from typing import Any, ClassVar, NoReturn

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.options import BaseModelAdmin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from workspaces.admin.questions import Questions
from workspaces.models import User, Workspace
from workspaces.scoping import administered


class Scoped(BaseModelAdmin):
    """Base of pages and inlines. Declare both of these to let organizations' admins in."""

    #: Lookup path from the model to its organization, "" for the organization itself.
    organization_path: ClassVar[str | None] = None
    #: Of "view", "add", "change" and "delete".
    admins_may: ClassVar[frozenset[str]] = frozenset()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if is_superuser(request) else self.theirs(rows, request)

    def theirs(self, rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
        """Those of these rows that belong to the organizations of the admin who asks."""
        if self.organization_path is None:
            return rows.none()
        return rows.filter(**{f"{self.organization_path or 'pk'}__in": administered(request.user)})

    def choices(self, request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
        """Rows of another model that may be pointed to: what its own page shows."""
        try:
            page = self.admin_site.get_model_admin(model)
        except NotRegistered:
            page = None
        return page.get_queryset(request) if isinstance(page, Scoped) else model._base_manager.none()

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if not is_superuser(request):
            kwargs["queryset"] = self.choices(request, db_field.remote_field.model)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if not is_superuser(request):
            kwargs["queryset"] = self.choices(request, db_field.remote_field.model)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    # --- permissions ----------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        if is_superuser(request):
            return bool(super().has_module_permission(request))
        return any(self.admin_may(request, verb) for verb in self.admins_may)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if is_superuser(request):
            return bool(super().has_view_permission(request, obj))
        return self.admin_may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest, *arguments: Any) -> bool:
        if is_superuser(request):
            return bool(super().has_add_permission(request, *arguments))
        return self.admin_may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if is_superuser(request):
            return bool(super().has_change_permission(request, obj))
        return self.admin_may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if is_superuser(request):
            return bool(super().has_delete_permission(request, obj))
        return self.admin_may(request, "delete", obj)

    def admin_may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        """Whether an organization's admin may; inlines are asked about the object of their page, which has been asked
        about already, and their own rows come from `get_queryset`."""
        if self.organization_path is None or verb not in self.admins_may:
            return False
        if isinstance(obj, self.model):
            return self.get_queryset(request).filter(pk=obj.pk).exists()
        return administered(request.user).exists()


class ScopedModelAdmin(Scoped, Questions):
    """Base of all pages of the administration."""

    #: Filters beside the list that an organization's admin gets: local fields and `SimpleListFilter`s.
    admins_list_filter: ClassVar[tuple[Any, ...]] = ()
    admins_list_display: ClassVar[tuple[Any, ...]] = ()

    def get_list_display(self, request: HttpRequest) -> Any:
        if is_superuser(request) or not self.admins_list_display:
            return super().get_list_display(request)
        return self.admins_list_display

    def get_list_filter(self, request: HttpRequest) -> Any:
        return super().get_list_filter(request) if is_superuser(request) else self.admins_list_filter

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Query strings filter by what a filter offers: others would ask yes-or-no questions of hidden columns."""
        if request is not None and is_superuser(request):
            return super().lookup_allowed(lookup, value, request)
        name, _separator, kind = lookup.partition("__")
        return lookup in self._filter_parameters() or (kind in self.lookups_of(name) and self._is_offered_field(name))

    def _filter_parameters(self) -> Iterable[str | None]:
        return [getattr(offered, "parameter_name", None) for offered in self.admins_list_filter]

    def _is_offered_field(self, name: str) -> bool:
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return False
        offered = name in self.admins_list_filter or name == self.date_hierarchy
        return offered and isinstance(field, Field) and not field.is_relation

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Http404

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's history of an object names everybody who ever changed it, also of former owners; the audit trail
        is the history that organizations' admins may read."""
        if is_superuser(request):
            return super().history_view(request, object_id, extra_context)
        obj = self.get_object(request, object_id)
        if obj is None or not self.has_view_permission(request, obj):
            raise Http404
        return HttpResponseRedirect(f"{reverse('admin:workspaces_auditentry_changelist')}?{urlencode({'q': str(obj)})}")


class WorkspaceFilter(admin.SimpleListFilter):
    """By the workspaces that the admin may see."""

    title = _("workspace")
    parameter_name = "in_workspace"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = model_admin.choices(request, Workspace).select_related("organization")
        return [(str(workspace.pk), str(workspace)) for workspace in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        # Of no other workspace, rather than of all: an action may follow on what is listed.
        return queryset.filter(workspace=value) if value in dict(self.lookup_choices) else queryset.none()


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_active and request.user.is_superuser
