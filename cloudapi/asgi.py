"""HTTP and WebSocket entry point."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudapi.settings")
django_application = get_asgi_application()

# These need the app registry, which the line above fills.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.sessions import CookieMiddleware  # noqa: E402

from cloudapi.checks import secrets  # noqa: E402
from cloudapi.proxy import believe_proxies_only  # noqa: E402
from devices.routing import websocket_urlpatterns  # noqa: E402
from mqtt_bridge.broker_access.emqx_http import EmqxEndpoints  # noqa: E402

secrets.refuse()
application = ProtocolTypeRouter(
    {
        # EMQX's questions are recognized by coming through no proxy.
        "http": EmqxEndpoints(believe_proxies_only(django_application)),
        "websocket": believe_proxies_only(CookieMiddleware(URLRouter(websocket_urlpatterns))),
    }
)
