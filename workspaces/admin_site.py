"""The administration under /admin/: for the platform's superusers, and for the admins of organizations.

Who gets in follows from memberships. Django's `is_staff` and its permissions decide nothing: what an organization's
admin sees and does there is the work of `workspaces.admin.scoped`.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.db.models import Field
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, reverse_lazy
from django.utils.translation import gettext_lazy as _

from workspaces.login_form import AdminLogInForm
from workspaces.password_forms import ChangePasswordForm
from workspaces.scoping import may_enter_administration


class Autocompletion(AutocompleteJsonView):
    def process_request(self, request: HttpRequest) -> Any:
        """Completes columns only: Django would ask the other end of a relation for what it does not have."""
        term, page, field, name = super().process_request(request)
        if not isinstance(field, Field):
            raise PermissionDenied
        return term, page, field, name


class AdministrationSite(admin.AdminSite):
    site_header = site_title = "cloudapi"
    index_title = _("Administration")
    login_form = AdminLogInForm

    def has_permission(self, request: HttpRequest) -> bool:
        return may_enter_administration(request.user)

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return Autocompletion.as_view(admin_site=self)(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """As Django's, with our form."""
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=ChangePasswordForm,
            success_url=reverse_lazy("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Without `r/<content type>/<id>/`, which tells of any id whether there is such a row. No page needs it."""
        urls: list[URLResolver | URLPattern] = super().get_urls()
        return [url for url in urls if getattr(url, "name", None) != "view_on_site"]
