"""`python -m cloudapi.web -b ADDRESS -p PORT`: Daphne as every installation runs it."""

import sys

import daphne.server  # first: it chooses Twisted's reactor
from daphne.cli import CommandLineInterface
from django.core.exceptions import ImproperlyConfigured

from cloudapi.web import bounds
from cloudapi.web.patience import PatientServer

OPTIONS = (
    # No access log: its lines would hold the query strings of WebSockets, and with them tokens.
    *("--verbosity", "0", "--no-server-name"),
    *("--http-timeout", str(bounds.ANSWER_SECONDS)),
    *("--websocket_connect_timeout", str(bounds.HANDSHAKE_SECONDS)),
    *("--websocket-max-message-size", str(bounds.SOCKET_MESSAGE)),
    *("--websocket-max-frame-size", str(bounds.SOCKET_MESSAGE)),
)


class Daphne(CommandLineInterface):
    server_class = PatientServer


def main(arguments: list[str]) -> None:
    # Daphne makes its factory by this name and offers no other way to replace it.
    daphne.server.HTTPFactory = bounds.Factory
    try:
        Daphne().run([*OPTIONS, *arguments, "cloudapi.asgi:application"])
    except ImproperlyConfigured as error:
        sys.exit(f"cloudapi.web: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
