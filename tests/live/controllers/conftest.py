"""Two organizations, pilots of the first one, and clients that end with the test."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.controllers.client import Connect, Controller
from tests.live.dji_http import new_users
from tests.live.tenants import Tenant
from tests.platform import Platform


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[Controller] = []

    def make(*arguments: Any, **options: Any) -> Controller:
        made.append(Controller(*arguments, **options))
        return made[-1]

    yield make
    for controller in made:
        controller.close()


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=1, users=True)


@pytest.fixture(scope="module")
def other(platform: Platform) -> Tenant:
    return Tenant(platform, "Other", users=True)


@pytest.fixture(scope="module")
def pilots(acme: Tenant) -> Iterator[dict[str, str]]:
    return iter(new_users(acme, "pilot", 13))
