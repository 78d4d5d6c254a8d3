"""Open sockets are counted per user and per workspace, and who talks is cut off."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.connection import Connection

from devices import socket_limits
from tests.live.browser_session import log_in, socket
from tests.live.tenants import Tenant
from tests.platform import Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def small(make_platform: Callable[..., Platform]) -> Iterator[Platform]:
    made = make_platform(SOCKETS_PER_USER="3", SOCKETS_PER_WORKSPACE="5")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def tenant(small: Platform) -> Tenant:
    return Tenant(small, "Small", users=True)


def stays(opened: Connection) -> bool:
    opened.recv(timeout=20)
    return True


def code_of(opened: Connection) -> int | None:
    try:
        while True:
            opened.recv(timeout=20)
    except ConnectionClosed:
        return opened.close_code


def test_a_socket_too_many_is_closed_with_its_code(small: Platform, tenant: Tenant) -> None:
    path = f"/ws/workspaces/{tenant.workspace_id}/"
    viewer, operator = (log_in(small.http_url, tenant.users[role]) for role in ("viewer", "operator"))
    with ExitStack() as sockets:

        def another(cookie: str) -> Connection:
            return sockets.enter_context(socket(small.http_url, path, cookie=cookie))

        mine = [another(viewer) for _number in range(3)]
        assert all(stays(opened) for opened in mine)
        assert code_of(another(viewer)) == 4429
        theirs = [another(operator) for _number in range(2)]
        assert all(stays(opened) for opened in theirs)
        assert code_of(another(operator)) == 4429  # the workspace is full
        mine[0].close()
        wait_until(lambda: _opens(small, path, viewer), "a closed socket's place is free")


def _opens(platform: Platform, path: str, cookie: str) -> bool:
    with socket(platform.http_url, path, cookie=cookie) as opened:
        try:
            return stays(opened)
        except ConnectionClosed:
            return False


def test_who_goes_on_talking_is_cut_off(small: Platform, tenant: Tenant) -> None:
    cookie = log_in(small.http_url, tenant.users["admin"])
    with socket(small.http_url, f"/ws/workspaces/{tenant.workspace_id}/", cookie=cookie) as opened:
        for _number in range(socket_limits.MESSAGES):
            opened.send("hello")
        assert stays(opened)
        opened.send("hello")
        assert code_of(opened) == 4429


def test_a_message_too_large_is_cut_off(small: Platform, tenant: Tenant) -> None:
    cookie = log_in(small.http_url, tenant.users["admin"])
    with socket(small.http_url, f"/ws/workspaces/{tenant.workspace_id}/", cookie=cookie) as opened:
        stays(opened)
        opened.send("x" * 5000)
        assert code_of(opened) in {1006, 1009}  # dropped


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_origins_are_refused(small: Platform, tenant: Tenant, origin: str) -> None:
    cookie = log_in(small.http_url, tenant.users["admin"])
    with pytest.raises(InvalidStatus) as refused:
        socket(small.http_url, f"/ws/workspaces/{tenant.workspace_id}/", cookie=cookie, origin=origin)
    assert refused.value.response.status_code == 403
