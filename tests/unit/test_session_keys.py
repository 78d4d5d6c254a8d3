"""Session cookies with something else than a session key: no query sees them, since not every database takes them."""

from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

from devices.consumers import WorkspaceConsumer
from workspaces.session_keys import SessionMiddleware

KEY = "0123456789abcdefghijklmnopqrstuv"
STRANGE = [
    "",
    "\0abcdefgh",
    f"\0{KEY[1:]}",
    f"{KEY}\0",
    KEY[1:],
    f"{KEY}a",
    KEY[:-1] + "ä",
    KEY[:-1] + "\n",
    "x" * 5000,
]


def key_of_request(cookie: str) -> Any:
    request = RequestFactory().get("/")
    request.COOKIES[settings.SESSION_COOKIE_NAME] = cookie
    SessionMiddleware(lambda _request: HttpResponse()).process_request(request)
    return request.session.session_key


def key_of_socket(cookie: str) -> str:
    consumer: Any = WorkspaceConsumer()
    cookies = {settings.SESSION_COOKIE_NAME: cookie}
    consumer.scope = {"url_route": {"kwargs": {"workspace_id": None}}, "cookies": cookies, "headers": []}
    return str(consumer.claim().session_key)


@pytest.mark.parametrize("cookie", STRANGE)
def test_what_is_no_key_is_no_cookie(cookie: str) -> None:
    assert key_of_request(cookie) is None
    assert key_of_socket(cookie) == ""


def test_a_key_is_one() -> None:
    assert key_of_request(KEY) == KEY
    assert key_of_socket(KEY) == KEY
