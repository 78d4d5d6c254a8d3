"""Set-up of every test. Tests that need servers use the fixtures of servers.py and are marked `live`."""

from typing import Any

import pytest

from tests import environment

environment.prepare()

import django  # noqa: E402
from django.conf import settings  # noqa: E402

# Pages render without `collectstatic`, and logging in doesn't cost a tenth of a second each time.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
django.setup()

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failed test that used a platform shows the ends of its logs."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Platform):
                report.sections.append((f"logs in {value.data_dir / 'logs'}", value.tails()))
    return report
