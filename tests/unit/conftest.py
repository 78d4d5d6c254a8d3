"""Fixtures of the unit tests: no server but Valkey, and a clock that stands still."""

import pytest

from tests.factories import Clock, make_workspace
from workspaces.models import Workspace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def ours(db: None, valkey: str) -> Workspace:
    """With the empty Valkey that counts who binds."""
    return make_workspace()


@pytest.fixture
def theirs(db: None, valkey: str) -> Workspace:
    """The workspace of another organization."""
    return make_workspace()
