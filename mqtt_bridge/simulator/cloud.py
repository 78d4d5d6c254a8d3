"""The platform's HTTP interface as a pilot's page and Pilot itself use it. Contract: `{code, message, data}`."""

import asyncio
import json
import ssl
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

TIMEOUT = 15.0
MANAGE = "/manage/api/v1"


class Unreachable(Exception):
    """No answer, or one that is none of the contract's."""


class TokenEnded(Exception):
    """HTTP 401: only a new log-in helps."""


class PlatformRefused(Exception):
    """A code that is not 0."""

    def __init__(self, step: str, code: int, message: str) -> None:
        super().__init__(f"{step}: code {code}, {message}")
        self.code = code


class Cloud:
    """`url` is the platform's address. `token` is what the last log-in gave."""

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.token = ""
        self._tls = ssl.create_default_context(cafile=ca_file) if self.url.startswith("https:") else None

    async def get(self, path: str) -> Any:
        return await asyncio.to_thread(self._ask, "GET", path, None)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The `data` of the answer. Raises Unreachable, TokenEnded or PlatformRefused; so does `get`."""
        return await asyncio.to_thread(self._ask, "POST", path, body or {})

    @property
    def socket_url(self) -> str:
        """As Pilot makes it of the module's `host`: with the token behind."""
        scheme, place, path, *_rest = urlsplit(self.url)
        query = f"x-auth-token={quote(self.token, safe='')}"
        return urlunsplit(("wss" if scheme == "https" else "ws", place, f"{path}/api/v1/ws", query, ""))

    @property
    def tls(self) -> ssl.SSLContext | None:
        return self._tls

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Content-Type": "application/json", **({"X-Auth-Token": self.token} if self.token else {})}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{MANAGE}{path}", data, headers, method=method)  # noqa: S310 - the user's address
        try:
            with urlopen(request, timeout=TIMEOUT, context=self._tls) as answer:  # noqa: S310
                envelope = json.load(answer)
        except HTTPError as error:
            if error.code == 401:
                raise TokenEnded(f"{method} {path}: the token does not hold") from None
            raise Unreachable(f"{method} {path}: HTTP {error.code}") from None
        except (OSError, ValueError) as error:
            raise Unreachable(f"{method} {path}: {error}") from None
        if not isinstance(envelope, dict) or envelope.get("code") != 0:
            code = envelope.get("code", -1) if isinstance(envelope, dict) else -1
            raise PlatformRefused(f"{method} {path}", code, str(dict(envelope).get("message", "")))
        return envelope.get("data")
