"""Chromium of this machine for the tests of pages, and a console in it."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, WebSocketRoute, sync_playwright

from tests.platform import Platform

# A page that a test has changed on its way counts as one of the internet, which may not speak to this machine.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-features=LocalNetworkAccessChecks",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For a module, not for the session: while Playwright runs, Django's ORM takes this thread for an asynchronous one.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An English page of 1280 by 720. A test fails if the page throws an error or violates its policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    page = context.new_page()
    errors: list[str] = []
    watch(page, errors)
    yield page
    context.close()
    assert errors == []


def watch(page: Page, errors: list[str]) -> None:
    """Collect what the page throws, and what its Content-Security-Policy forbids it."""

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            errors.append(message.text)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", note)


@pytest.fixture(scope="module")
def organization(platform: Platform) -> dict[str, Any]:
    """A tenant with users, as `manage.py create_organization --with-users` prints it."""
    created: dict[str, Any] = platform.manage("create_organization", f"Console {time.monotonic_ns()}", "--with-users")
    return created


def log_in(page: Page, platform: Platform, organization: dict[str, Any], role: str = "operator") -> None:
    """Logs in and arrives at the console of the organization's workspace."""
    user = next(user for user in organization["users"] if user["role"] == role)
    page.goto(platform.http_url)
    page.get_by_label("Username").fill(user["username"])
    page.get_by_label("Password").fill(user["password"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**/workspaces/{organization['workspace_id']}/")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Script:
    """Plays the server's end of the page's WebSocket, frame by frame."""

    sockets: list[WebSocketRoute] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        page.route_web_socket(re.compile(r"/ws/workspaces/[^/]+/"), self._accept)

    def _accept(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self.heard.append(json.loads(text)))
        self.send("snapshot", self.devices)

    def send(self, kind: str, devices: list[dict[str, Any]], at: int | None = None) -> None:
        self.sockets[-1].send(json.dumps({"type": kind, "at": at or now_ms(), "devices": devices}))


def device(sn: str, **what: Any) -> dict[str, Any]:
    """A device as frames describe it: an online aircraft unless told otherwise."""
    return {
        "sn": sn, "kind": "aircraft", "model": "Matrice 3TD", "model_key": "0-91-1", "callsign": f"Call {sn}",
        "gateway_sn": None, "online": True, "offline_reason": "", "last_seen_at": now_ms(), "values": {}, **what,
    }  # fmt: skip
