"""Which pages may open a socket with a browser's session: our own.

Scripts and Pilot name no origin, and no page can make a browser leave it out.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def own_pages_only(application: Any) -> Any:
    """The ASGI application of a socket, refusing (403) pages of other sites, ports and schemes."""

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if is_own(scope):
            await application(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close"})

    return guarded


def is_own(scope: Mapping[str, Any]) -> bool:
    headers = scope.get("headers", ())
    origins = [value.decode("latin1") for name, value in headers if name == b"origin"]
    hosts = [value.decode("latin1") for name, value in headers if name == b"host"]
    if not origins:
        return True
    if len(origins) > 1:
        return False
    origin = origins[0].lower()
    if origin == _origin(settings.PUBLIC_URL) or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    scheme, separator, place = origin.partition("://")
    allowed = {"https"} if settings.HTTPS else {"http", "https"}
    return (
        bool(separator)
        and scheme in allowed
        and [place] == [host.lower() for host in hosts]
        and validate_host(split_domain_port(place)[0], settings.ALLOWED_HOSTS)
    )


def _origin(address: str) -> str:
    url = urlsplit(address)
    return f"{url.scheme}://{url.netloc}".lower()
