"""An organization, a foreign one, and the browser of the first one's admin."""

import pytest
from django.test import Client

from tests.unit.admin.tenants import FOREIGN, Tenant, browser_of


@pytest.fixture
def home(db: None) -> Tenant:
    return Tenant("Home")


@pytest.fixture
def foreign(db: None) -> Tenant:
    return Tenant(FOREIGN)


@pytest.fixture
def browser(home: Tenant, foreign: Tenant) -> Client:
    return browser_of(home.admin)
