"""Cross-origin requests to the DJI-compatible API: web clients run on other origins.

Safe, since its only credential is a header that a foreign page cannot know; cookies are not looked at.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, X-Auth-Token, X-Device-ID, X-Firmware-Version, X-Request-ID",
    "Access-Control-Max-Age": "86400",
}


def allow_any_origin(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer preflights without asking for a token, and let any origin read the answers."""

    @wraps(view)
    def with_headers(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = HttpResponse() if request.method == "OPTIONS" else view(request, *args, **kwargs)
        for name, value in HEADERS.items():
            response[name] = value
        response["Cache-Control"] = "no-store"
        return response

    return with_headers
