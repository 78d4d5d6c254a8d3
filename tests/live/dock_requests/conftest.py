"""Two organizations, a code for many docks, and a connected dock of the other organization."""

from typing import Any

import pytest

from tests.live.tenants import Tenant
from tests.platform import Platform


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=24)


@pytest.fixture(scope="module")
def other(platform: Platform) -> Tenant:
    """Another organization."""
    return Tenant(platform, "Other", docks=4)


@pytest.fixture(scope="module")
def code(acme: Tenant) -> str:
    """A code of acme for many docks."""
    return acme.code(docks=50)


@pytest.fixture(scope="module")
def other_dock(other: Tenant) -> Any:
    with other.dock() as dock:
        yield dock
