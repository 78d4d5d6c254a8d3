from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class CloudapiConfig(AppConfig):
    name = "cloudapi"

    def ready(self) -> None:
        from cloudapi import checks  # noqa: F401  registers the system checks


class AdministrationConfig(AdminConfig):
    """Django's admin with our site, which all pages of /admin/ register with."""

    default_site = "workspaces.admin_site.AdministrationSite"
