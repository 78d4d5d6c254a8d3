"""Which origins a browser's socket may come from, and whose word about a client's address counts."""

import asyncio
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from cloudapi.env import Environment
from cloudapi.proxy import believe_proxies_only
from workspaces.socket_origin import is_own


def scope(origin: str | None, host: str = "console.example:8000") -> dict[str, Any]:
    headers = [(b"host", host.encode())]
    return {"headers": headers if origin is None else [*headers, (b"origin", origin.encode())]}


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        (None, True),
        ("http://console.example:8000", True),
        ("HTTP://Console.Example:8000", True),
        ("https://public.example", True),
        ("https://trusted.example", True),
        ("http://console.example", False),
        ("http://console.example:9000", False),
        ("http://evil.example:8000", False),
        ("http://console.example:8000.evil.example", False),
        ("http://console.example:8000@evil.example", False),
        ("https://public.example.evil.example", False),
        ("file://console.example:8000", False),
        ("null", False),
        ("", False),
        ("console.example:8000", False),
    ],
)
def test_only_our_own_pages(settings: Settings, origin: str | None, own: bool) -> None:
    settings.ALLOWED_HOSTS = ["console.example"]
    settings.PUBLIC_URL, settings.CSRF_TRUSTED_ORIGINS = "https://public.example", ["https://trusted.example"]
    assert is_own(scope(origin)) is own


def test_a_host_that_is_not_ours_makes_no_origin_ours(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["console.example"]
    assert not is_own(scope("http://rebound.example", host="rebound.example"))


def test_plain_http_is_another_origin_than_https(settings: Settings) -> None:
    settings.ALLOWED_HOSTS, settings.HTTPS = ["console.example"], True
    assert not is_own(scope("http://console.example:8000"))
    assert is_own(scope("https://console.example:8000"))


def test_two_origins_are_none(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["console.example"]
    asked = scope("http://console.example:8000")
    asked["headers"].append((b"origin", b"http://console.example:8000"))
    assert not is_own(asked)


FORWARDED = [(b"x-forwarded-for", b"9.9.9.9"), (b"X-Forwarded-Proto", b"https"), (b"forwarded", b"for=9.9.9.9")]


@pytest.mark.parametrize(
    ("behind_proxy", "client", "believed"),
    [
        (False, ("127.0.0.1", 5), False),
        (True, ("127.0.0.1", 5), True),
        (True, ("::1", 5), True),
        (True, ("::ffff:10.1.2.3", 5), True),
        (True, ("172.18.0.1", 5), True),
        (True, None, True),  # a UNIX socket
        (True, ("203.0.113.7", 5), False),
        (True, ("2001:db8::7", 5), False),
        (True, ("nonsense", 5), False),
    ],
)
def test_only_a_proxy_says_who_asks(settings: Settings, behind_proxy: bool, client: Any, believed: bool) -> None:
    settings.BEHIND_PROXY = behind_proxy
    settings.TRUSTED_PROXIES = Environment().networks("UNSET", default="127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12")
    seen: list[Any] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    headers = [(b"host", b"console.example"), *FORWARDED]
    asyncio.run(believe_proxies_only(application)({"headers": headers, "client": client}, None, None))
    assert seen == (headers if believed else headers[:1])
