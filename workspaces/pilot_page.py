"""The page that DJI Pilot 2 opens in its webview: log in, connect the controller, see whether it works.

The server renders the frame and the words; everything else is static/pilot. The HTML is the same for everybody and
holds no secret: what Pilot needs arrives by the HTTP API, after the login.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cloudapi import __version__
from workspaces.pilot_text import pilot_text


@require_safe
@never_cache
def pilot_page(request: HttpRequest, stamp: int = 0) -> HttpResponse:
    """The page, under any of its addresses; `stamp` only makes an address that no cache has seen.

    Its Content-Security-Policy is that of every page. How Pilot calls the page's callbacks is not published: a web
    view's `evaluateJavascript` comes from outside of the page, where the policy does not reach. A callback by a
    `javascript:` address could be blocked in some versions; the page asks Pilot every second, so it needs none.
    """
    return render(
        request,
        "pilot/page.html",
        {
            "build": __version__,
            "page_address": request.build_absolute_uri(reverse("pilot")),
            "pilot": {
                "build": __version__,
                "api": "/manage/api/v1",
                "socket": "/api/v1/ws",
                "page": reverse("pilot"),
                "text": pilot_text(),
            },
        },
    )
