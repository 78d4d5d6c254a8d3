"""Session keys as they may come in cookies."""

import re
from typing import TypeGuard

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest

_KEY = re.compile(r"[a-z0-9]{32}")


def is_session_key(text: object) -> TypeGuard[str]:
    """Whether Django makes such keys. What a cookie holds may be anything, also what no database takes (NUL)."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


class SessionMiddleware(DjangoSessionMiddleware):
    """Django's, for which a cookie with something else than a key is no cookie."""

    def process_request(self, request: HttpRequest) -> None:
        if not is_session_key(request.COOKIES.get(settings.SESSION_COOKIE_NAME)):
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        super().process_request(request)
