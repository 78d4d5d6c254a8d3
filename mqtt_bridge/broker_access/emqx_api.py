"""A short conversation with EMQX's REST API (EMQX: "REST API", `/api/v5/clients`), with an API key."""

import base64
import json
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings

from mqtt_bridge.broker_access.errors import BrokerAccessError, BrokerUnreachable

#: How long (s) an answer may take.
PATIENCE = 5.0
_PAGE = 100


def is_configured() -> bool:
    return bool(settings.EMQX_API_URL and settings.EMQX_API_KEY and settings.EMQX_API_SECRET)


class EmqxApi:
    """Use as a context manager. Raises BrokerUnreachable when nothing answers, BrokerAccessError for a refusal."""

    def __init__(self, patience: float = PATIENCE) -> None:
        address = urlsplit(settings.EMQX_API_URL)
        connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._connection = connect(address.hostname or "", address.port, timeout=patience)
        self._base = address.path.rstrip("/") + "/api/v5"
        key = f"{settings.EMQX_API_KEY}:{settings.EMQX_API_SECRET}"
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(key.encode()).decode(),
            "Content-Type": "application/json",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def end_sessions(self, username: str) -> None:
        """End all sessions with this user name, connected or waiting."""
        for client in self._clients(username):
            self._ask("DELETE", client)

    def renew_rights(self, username: str, may_subscribe: Callable[[str], bool]) -> None:
        """Have EMQX ask again what the sessions with this user name may do, and end subscriptions that they lost."""
        for client in self._clients(username):
            self._ask("DELETE", f"{client}/authorization/cache")
            for row in self._ask("GET", f"{client}/subscriptions") or []:
                if not may_subscribe(row["topic"]):
                    self._ask("POST", f"{client}/unsubscribe", {"topic": row["topic"]})

    def _clients(self, username: str) -> list[str]:
        """The paths of the sessions with this user name."""
        found: list[str] = []
        page = 1
        while True:
            query = urlencode({"username": username, "page": page, "limit": _PAGE})
            rows = (self._ask("GET", f"/clients?{query}") or {}).get("data", [])
            found += [f"/clients/{quote(row['clientid'], safe='')}" for row in rows if row.get("username") == username]
            if len(rows) < _PAGE:
                return found
            page += 1

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, None for an empty one or for what does not exist (any more)."""
        try:
            content = None if body is None else json.dumps(body)
            self._connection.request(method, self._base + path, content, self._headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise BrokerUnreachable(f"EMQX's API does not answer at {settings.EMQX_API_URL} ({error}).") from error
        if response.status in (401, 403):
            raise BrokerAccessError(
                "EMQX refuses EMQX_API_KEY: the key must exist there, with the right to end sessions."
            )
        if response.status == 404:
            return None
        if response.status >= 300:
            raise BrokerAccessError(f"EMQX's API answered {method} {path.partition('?')[0]} with {response.status}.")
        try:
            return json.loads(answer) if answer else None
        except ValueError as error:
            raise BrokerAccessError(f"What answers at {settings.EMQX_API_URL} is not EMQX's API.") from error
