"""The DJI-compatible paths that nobody answers: a clear code instead of 404, which would make Pilot ask for ever."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from cloudapi.dji.cors import allow_any_origin
from cloudapi.dji.envelope import NOT_OFFERED, answer_error
from cloudapi.valkey import count

UNKNOWN_KEY = "cloudapi:unknown-paths"
PREFIXES = ("manage", "map", "media", "wayline", "storage", "control")
PATTERN = rf"^(?:{'|'.join(PREFIXES)})/api/"


@csrf_exempt  # it changes nothing, and answers every method
@allow_any_origin
def not_offered(request: HttpRequest) -> HttpResponse:
    """Answer and count a path that this platform does not offer."""
    count(UNKNOWN_KEY, f"{request.method} {request.path[:120]}")
    return answer_error(NOT_OFFERED, "This platform does not offer this function.")


class SingleSlash:
    """`//manage/…` comes from clients that join a base URL with a slash at its end; it means `/manage/…`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("//") and re.match(PATTERN, request.path_info.lstrip("/")):
            request.path_info = request.path = "/" + request.path_info.lstrip("/")
        return self.get_response(request)
