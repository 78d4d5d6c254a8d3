"""A short conversation with EMQX's REST API (EMQX: "REST API", `/api/v5/clients`), with an API key."""

import base64
import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings

from mqtt_bridge.broker_access.errors import BrokerAccessError, BrokerUnreachable

_TIMEOUT = 5.0
_PAGE = 100


def is_configured() -> bool:
    return bool(settings.EMQX_API_URL and settings.EMQX_API_KEY and settings.EMQX_API_SECRET)


class EmqxApi:
    """Use as a context manager. Raises BrokerUnreachable when nothing answers, BrokerAccessError for a refusal."""

    def __init__(self) -> None:
        address = urlsplit(settings.EMQX_API_URL)
        connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._connection = connect(address.hostname or "", address.port, timeout=_TIMEOUT)
        self._base = address.path.rstrip("/") + "/api/v5"
        key = f"{settings.EMQX_API_KEY}:{settings.EMQX_API_SECRET}"
        self._headers = {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def end_sessions(self, username: str) -> None:
        """End all sessions with this user name, connected or waiting."""
        for client_id in list(self._client_ids(username)):
            self._ask("DELETE", f"/clients/{quote(client_id, safe='')}")

    def forget_rights(self, username: str) -> None:
        """Have EMQX ask again what the sessions with this user name may do."""
        for client_id in list(self._client_ids(username)):
            self._ask("DELETE", f"/clients/{quote(client_id, safe='')}/authorization/cache")

    def _client_ids(self, username: str) -> Iterator[str]:
        page = 1
        while True:
            query = urlencode({"username": username, "page": page, "limit": _PAGE})
            listed = self._ask("GET", f"/clients?{query}") or {}
            yield from (row["clientid"] for row in listed.get("data", []) if row.get("username") == username)
            if len(listed.get("data", [])) < _PAGE:
                return
            page += 1

    def _ask(self, method: str, path: str) -> Any:
        """The answer, None for an empty one or for what does not exist (any more)."""
        try:
            self._connection.request(method, self._base + path, headers=self._headers)
            response = self._connection.getresponse()
            content = response.read()
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
            return json.loads(content) if content else None
        except ValueError as error:
            raise BrokerAccessError(f"What answers at {settings.EMQX_API_URL} is not EMQX's API.") from error
