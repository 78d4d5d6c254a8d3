"""Reading what clients send: JSON bodies of a bounded size, and no fuss about `Accept`."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import Http404
from rest_framework.exceptions import NotAcceptable, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.utils import json


class JSONBody(BaseParser):
    """JSON under any content type: clients forget to name it, and nothing else is ever sent."""

    media_type = "*/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """An empty body is an empty object. Raises ParseError."""
        body = stream.read(settings.HTTP_MAX_BODY + 1)
        if len(body) > settings.HTTP_MAX_BODY:
            raise ParseError(f"The body is larger than {settings.HTTP_MAX_BODY} bytes.")
        if not body.strip():
            return {}
        try:
            return json.loads(body.decode(), parse_constant=json.strict_constant)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is no JSON.") from error


class AnyAccept(DefaultContentNegotiation):
    """Answers in the one format there is, also a client that says it accepts others only."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except (NotAcceptable, Http404):
            return renderers[0], renderers[0].media_type
