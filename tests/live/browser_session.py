"""What a browser does, without one: log in over HTTP, keep the cookie, follow a workspace over its WebSocket."""

import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect


def log_in(http_url: str, user: Mapping[str, str]) -> str:
    """The Cookie header of a logged-in session. Raises AssertionError when the login is refused."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with opener.open(f"{http_url}/login/", timeout=20) as page:
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())[:1]
    form = {"username": user["username"], "password": user["password"], "csrfmiddlewaretoken": token}
    request = urllib.request.Request(  # noqa: S310  http_url is ours
        f"{http_url}/login/", urllib.parse.urlencode(form).encode(), {"Origin": http_url}
    )
    with opener.open(request, timeout=20) as page:
        assert "/login/" not in page.url, f"{user['username']} could not log in"
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def socket(http_url: str, path: str, *, cookie: str = "", origin: str | None = None) -> ClientConnection:
    """An open WebSocket. Raises websockets' InvalidStatus when the server refuses it."""
    headers = {"Cookie": cookie} if cookie else {}
    url = f"{http_url.replace('http', 'ws', 1)}{path}"
    return connect(
        url, additional_headers=headers, origin=http_url if origin is None else origin,  # type: ignore[arg-type]
        open_timeout=20, max_size=None,
    )  # fmt: skip


class Page:
    """Follows `/ws/workspaces/{id}/` and keeps what the frames say together, as the README tells.

    `devices` are the devices by SN, `details` the values of opened ones, `frames` all frames with the time of their
    arrival.
    """

    def __init__(self, http_url: str, workspace_id: str, cookie: str, query: str = "") -> None:
        self._where = http_url, f"/ws/workspaces/{workspace_id}/{query}"
        self._cookie = cookie
        self.devices: dict[str, dict[str, Any]] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.frames: list[tuple[float, dict[str, Any]]] = []
        self.connections = 0
        self._socket = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def until(self, what: Callable[[], object], why: str, seconds: float = 20) -> None:
        """Reads frames until `what` holds; connects again when the server closes."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, f"not within {seconds} s: {why}; {self.devices}"
            try:
                self.read(0.5)
            except ConnectionClosed:
                self._reconnect(deadline)

    def value(self, sn: str, key: str) -> Any:
        return self.devices.get(sn, {}).get("values", {}).get(key)

    def say(self, message: object) -> None:
        self._socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def read(self, seconds: float) -> None:
        """Reads the frames of this time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                frame = json.loads(self._socket.recv(timeout=left))
            except TimeoutError:
                return
            self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        self.frames.append((time.monotonic(), frame))
        if frame["type"] == "snapshot":
            self.devices = {}
        for update in frame["devices"]:
            if frame["type"] == "details":
                self.details.setdefault(update["sn"], {}).update(update["values"])
                continue
            if update.get("removed"):
                self.devices.pop(update["sn"], None)
                continue
            device = self.devices.setdefault(update["sn"], {"values": {}})
            values = {**device["values"], **update.get("values", {})}
            device.update(update, values=values)

    def _connect(self) -> ClientConnection:
        opened = socket(*self._where, cookie=self._cookie)
        self.connections += 1
        self._take(json.loads(opened.recv(timeout=20)))
        assert self.frames[-1][1]["type"] == "snapshot"
        return opened

    def _reconnect(self, deadline: float) -> None:
        while True:
            try:
                self._socket = self._connect()
            except (OSError, ConnectionClosed):
                assert time.monotonic() < deadline, "the server does not come back"
                time.sleep(0.2)
            else:
                return
