"""The administration under /admin/: for the platform's superusers, and for the admins of organizations.

Who gets in follows from memberships. Django's `is_staff` and its permissions decide nothing: what an organization's
admin sees and does there is the work of `workspaces.admin.scoped`.
"""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext_lazy as _

from workspaces.login_form import AdminLogInForm
from workspaces.scoping import may_enter_administration


class AdministrationSite(admin.AdminSite):
    site_header = site_title = "cloudapi"
    index_title = _("Administration")
    login_form = AdminLogInForm

    def has_permission(self, request: HttpRequest) -> bool:
        return may_enter_administration(request.user)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Without `r/<content type>/<id>/`, which tells of any id whether there is such a row. No page needs it."""
        urls: list[URLResolver | URLPattern] = super().get_urls()
        return [url for url in urls if getattr(url, "name", None) != "view_on_site"]
