"""System checks: a wrong setting becomes a sentence with an id. `manage.py check --deploy` asks the strict ones too."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, register

from cloudapi.checks import production, secrets, values

AppConfigs = Sequence[AppConfig] | None


@register(Tags.compatibility)
def always(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """What is wrong anywhere, also on a laptop."""
    return [message for check in values.CHECKS for message in check()]


@register(Tags.security, deploy=True)
def in_production(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    """What is good enough for trying out, and not for the internet."""
    return [message for check in (*secrets.CHECKS, *production.CHECKS) for message in check()]
