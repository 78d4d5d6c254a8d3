"""Somebody with a browser or a script: asks raw HTTP questions with the session or token that they have."""

import http.client
import http.cookies
import itertools
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.platform import HOST, Platform

API = "/manage/api/v1"
_addresses = itertools.count(1)
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def code(self) -> int | None:
        """Of DJI's envelope; None for anything else."""
        try:
            found = json.loads(self.text)["code"]
        except (ValueError, KeyError, TypeError):
            return None
        return int(found)

    @property
    def kind(self) -> str:
        """In a word: "ok", "login", "code 403", "to /x", "404"."""
        location = self.headers.get("location", "")
        if self.status in (301, 302):
            return "login" if "/login/" in location else f"to {location}"
        if self.status == 200:
            return "ok" if self.code in (0, None) else f"code {self.code}"
        return str(self.status)

    @property
    def data(self) -> Any:
        assert self.kind == "ok", self
        return json.loads(self.text)["data"]


class Visitor:
    """Each comes from an address of their own, which the platform believes, as of a proxy."""

    def __init__(self, platform: Platform, *, token: str = "", address: str = "") -> None:
        self.platform, self.token = platform, token
        number = next(_addresses)
        self.address = address or f"198.18.{number // 250}.{number % 250 + 1}"
        self.cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, body: Any = None, *, form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:  # fmt: skip
        """One request, no redirect followed. `body` is sent as JSON, bytes as they are, `form` as a form."""
        sent, kind = body, "application/json"
        if form is not None:
            sent, kind = urlencode(form, doseq=True).encode(), "application/x-www-form-urlencoded"
        elif body is not None and not isinstance(body, bytes):
            sent = json.dumps(body).encode()
        given = {"X-Forwarded-For": self.address, "Content-Type": kind}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.token:
            given["X-Auth-Token"] = self.token
        connection = http.client.HTTPConnection(HOST, self.platform.http_port, timeout=60)
        try:
            connection.request(method, path, sent, {**given, **(headers or {})})
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie", []):
            for name, morsel in http.cookies.SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, text)

    def submit(self, path: str, form: Mapping[str, Any], *, page: str = "") -> Reply:
        """Submits a form with the CSRF token of its page, or of another page where the form itself is refused."""
        found = _CSRF.search(self.ask("GET", page or path).text)
        return self.ask("POST", path, form={**form, "csrfmiddlewaretoken": found[1] if found else ""})

    def log_in(self, user: Mapping[str, str]) -> "Visitor":
        """Gets a session."""
        answer = self.submit("/login/", {"username": user["username"], "password": user["password"]})
        assert answer.status == 302, f"{user['username']} could not log in: {answer.status}"
        return self

    def take_token(self, user: Mapping[str, str], workspace_id: str = "") -> "Visitor":
        """Gets an access token, pilots as Pilot."""
        self.token = self.try_token(user, workspace_id).data["access_token"]
        return self

    def try_token(self, user: Mapping[str, str], workspace_id: str = "") -> Reply:
        body = {"username": user["username"], "password": user["password"], "flag": 2 if user["role"] == "pilot" else 1}
        return self.ask("POST", f"{API}/login", {**body, "workspace_id": workspace_id})
