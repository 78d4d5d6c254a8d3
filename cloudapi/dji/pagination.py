"""Pagination as Pilot and existing web clients speak it: `page`, `page_size` in, `list` and `pagination` out."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

DEFAULT_SIZE = 50
MAX_SIZE = 500
#: Beyond it a database counts rows for nothing, and columns overflow.
MAX_PAGE = 1_000_000


def page(request: Request, rows: "QuerySet[Any]") -> tuple[list[Any], dict[str, int]]:
    """The asked rows and the `pagination` object. Odd numbers mean the default, as in the vendor's server."""
    number = _number(request.query_params.get("page"), 1, MAX_PAGE)
    size = _number(request.query_params.get("page_size"), DEFAULT_SIZE, MAX_SIZE)
    start = (number - 1) * size
    return list(rows[start : start + size]), {"page": number, "page_size": size, "total": rows.count()}


def _number(text: str | None, default: int, limit: int) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 10):
        return default
    return min(max(int(text), 1), limit)
