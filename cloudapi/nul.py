"""NUL, which PostgreSQL takes in no text: whatever is looked up by it would be an error of ours."""

import re
from collections.abc import Callable, Iterator

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from cloudapi.dji.paths import PATTERN


class NoNul:
    """Refuses it in query strings and forms (400). What stands in a path is read by its view; the DJI-compatible API
    reads and answers in its own way."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not re.match(PATTERN, request.path_info.lstrip("/")) and any("\0" in text for text in _texts(request)):
            raise BadRequest("A NUL is no text.")
        return self.get_response(request)


def _texts(request: HttpRequest) -> Iterator[str]:
    for fields in (request.GET, request.POST):
        for name, values in fields.lists():
            yield from (name, *map(str, values))
