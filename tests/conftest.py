"""Set-up of every test. Tests that need servers use the fixtures of servers.py and are marked `live`."""

import os
from typing import Any

import pytest

from tests import environment

environment.prepare()

import django  # noqa: E402
from django.conf import settings  # noqa: E402
from django.utils import translation  # noqa: E402

# Pages render without `collectstatic`, and logging in doesn't cost a tenth of a second each time.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
django.setup()
# pytest-xdist's processes inherit the environment: pytest-django would load the settings there with the addresses of
# this process, before `prepare` gave them their own.
os.environ.pop("DJANGO_SETTINGS_MODULE", None)

from tests.platform import Platform  # noqa: E402
from tests.servers import (  # noqa: E402, F401
    make_platform,
    mosquitto,
    platform,
    platform_on_amqtt,
    postgres,
    shaken_platform,
    static_root,
    valkey,
    valkey_down,
    valkey_server,
)


@pytest.fixture(autouse=True)
def _language_of_the_settings() -> None:
    """A request leaves its language behind in the thread."""
    translation.deactivate()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failed test that used a platform shows the ends of its logs."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Platform):
                report.sections.append((f"logs in {value.data_dir / 'logs'}", value.tails()))
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live ones come first, since whoever takes a long one last keeps everybody waiting; those that use this process's
    own database stay where pytest-django has put them."""
    items.sort(key=lambda item: not item.get_closest_marker("live") or bool(item.get_closest_marker("django_db")))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.sharing import Scenes

    return Scenes(config, log)
