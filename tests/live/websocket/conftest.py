"""A platform whose parts are killed and which notices silence sooner, two organizations on it, and who looks at one."""

from collections.abc import Callable, Iterator

import pytest

from tests.live.browser_session import Page, log_in
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant
from tests.live.websocket.scene import SILENCE_SECONDS, bind
from tests.platform import Platform


@pytest.fixture(scope="package")
def lively(make_platform: Callable[..., Platform]) -> Iterator[Platform]:
    made = make_platform(OFFLINE_AFTER_SECONDS=str(SILENCE_SECONDS), LIVE_LOOK_SECONDS="2")
    yield made
    made.stop()


@pytest.fixture(scope="package")
def acme(lively: Platform) -> Tenant:
    return Tenant(lively, "Acme", docks=16, users=True)


@pytest.fixture(scope="package")
def other(lively: Platform) -> Tenant:
    return Tenant(lively, "Other", docks=2, users=True)


@pytest.fixture(scope="package")
def codes(acme: Tenant, other: Tenant) -> dict[Tenant, str]:
    return {tenant: tenant.code(docks=20) for tenant in (acme, other)}


@pytest.fixture(scope="package")
def operator(lively: Platform, acme: Tenant) -> str:
    return log_in(lively.http_url, acme.users["operator"])


@pytest.fixture
def page(lively: Platform, acme: Tenant, operator: str) -> Iterator[Page]:
    with Page(lively.http_url, acme.workspace_id, operator) as opened:
        yield opened


@pytest.fixture
def dock(acme: Tenant, codes: dict[Tenant, str]) -> Iterator[Gateway]:
    with acme.dock() as opened:
        bind(acme, codes[acme], opened)
        yield opened
