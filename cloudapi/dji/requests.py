"""Reading what clients send: JSON bodies of a bounded size, and no fuss about `Accept`."""

from collections.abc import Mapping, Sequence
from typing import IO, Any

from django.http import Http404
from rest_framework.exceptions import NotAcceptable, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

#: The largest body of the contract is far below this; whoever has not logged in may send one too.
MAX_BODY = 1_048_576


class BoundedJSONParser(JSONParser):
    """JSON under any content type: clients forget to name it, and nothing else is ever sent."""

    media_type = "*/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise ParseError(f"The body is larger than {MAX_BODY} bytes.")
        if not body.strip():
            return {}
        try:
            return super().parse(_Read(body), media_type, dict(parser_context or {}))  # type: ignore[arg-type]
        except (RecursionError, UnicodeError) as error:
            raise ParseError("The body is no JSON.") from error


class _Read:
    """A body that was read already, as a stream."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        body, self._body = self._body, b""
        return body


class AnyAccept(DefaultContentNegotiation):
    """Answers in the only format there is when a client accepts none of ours, instead of refusing it."""

    def select_renderer(
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        try:
            return super().select_renderer(request, renderers, format_suffix)  # type: ignore[arg-type, return-value]
        except (NotAcceptable, Http404):
            return renderers[0], str(renderers[0].media_type)
