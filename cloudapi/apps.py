from django.apps import AppConfig


class CloudapiConfig(AppConfig):
    name = "cloudapi"

    def ready(self) -> None:
        from cloudapi import checks  # noqa: F401  registers the system checks
