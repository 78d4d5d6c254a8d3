"""A removed member is out within five seconds, everywhere: sockets, tokens, pages, and the controller's connection.

The organization's admin does it in the administration, as people do. Prints the seconds that each end took.
"""

import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.error import HTTPError

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from websockets.exceptions import ConnectionClosed

from tests.live.browser_session import log_in as browser_log_in
from tests.live.browser_session import socket as browser_socket
from tests.live.dji_http import ask, log_in_as, new_users, socket
from tests.live.tenants import Tenant, new_sn, shell
from tests.platform import Platform

pytestmark = pytest.mark.live
WITHIN = 5.0


class Admin:
    """The organization's admin in the administration, without a browser."""

    def __init__(self, tenant: Tenant) -> None:
        self.url = tenant.platform.http_url
        self.cookie = browser_log_in(self.url, tenant.users["admin"])
        [self.csrf] = re.findall(r"csrftoken=(\w+)", self.cookie)

    def post(self, path: str, **form: Any) -> None:
        request = urllib.request.Request(  # noqa: S310  the url is ours
            f"{self.url}/admin/{path}",
            urllib.parse.urlencode(form).encode(),
            {"Cookie": self.cookie, "X-CSRFToken": self.csrf, "Origin": self.url},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            assert not answer.url.endswith(path), f"refused: {answer.read().decode()[-3000:]}"


class Member:
    """Somebody with everything open that a member can have open."""

    def __init__(self, tenant: Tenant, role: str) -> None:
        self.platform, self.workspace_id = tenant.platform, tenant.workspace_id
        [self.user] = new_users(tenant, role, 1)
        keys = shell(
            self.platform,
            f"""
import json
from workspaces.models import Membership, User
user = User.objects.get(username="{self.user["username"]}")
print(json.dumps([user.pk, Membership.objects.for_user(user).get(user=user).pk]))
""",
        )
        self.pk, self.membership = keys
        self.token = log_in_as(self.platform, self.user, 2 if role == "pilot" else 1)["access_token"]
        self.cookie = browser_log_in(self.platform.http_url, self.user)
        path = f"/ws/workspaces/{self.workspace_id}/"
        self.sockets = {
            "Cloud API socket": socket(self.platform, self.token),
            "console by token": browser_socket(self.platform.http_url, f"{path}?x-auth-token={self.token}"),
            "console by session": browser_socket(self.platform.http_url, path, cookie=self.cookie),
        }
        self.gone = threading.Event()
        self.controller = self._connect() if role == "pilot" else None

    def _connect(self) -> mqtt.Client:
        sn, ready = new_sn("RC"), threading.Event()
        account: Mapping[str, str] = ask(
            self.platform, "POST", "/users/current/mqtt", {"gateway_sn": sn}, token=self.token
        ).data
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=sn)
        client.username_pw_set(account["mqtt_username"], account["mqtt_password"])
        client.on_connect = lambda *_arguments: ready.set()
        client.on_disconnect = lambda *_arguments: self.gone.set()
        client.connect(self.platform.mqtt_host, self.platform.mqtt_port)
        client.loop_start()
        assert ready.wait(20)
        return client

    def ends(self) -> dict[str, float]:
        """Seconds from now until each end, 15 at most."""
        began = time.monotonic()
        took: dict[str, float] = {}
        waiting: dict[str, Callable[[], None]] = {
            "token": lambda: _until(self._token_is_refused),
            "page": lambda: _until(lambda: not self._page_opens()),
            **{name: partial(_until_closed, opened) for name, opened in self.sockets.items()},
        }  # fmt: skip
        if self.controller is not None:
            waiting["controller"] = lambda: _until(self.gone.is_set)

        def measure(name: str) -> None:
            waiting[name]()
            took[name] = time.monotonic() - began

        threads = [threading.Thread(target=measure, args=(name,)) for name in waiting]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return took

    def close(self) -> None:
        for opened in self.sockets.values():
            opened.close()
        if self.controller is not None:
            self.controller.loop_stop()
            self.controller.disconnect()

    def _token_is_refused(self) -> bool:
        return ask(self.platform, "GET", "/users/current", token=self.token).status == 401

    def _page_opens(self) -> bool:
        page = f"{self.platform.http_url}/workspaces/{self.workspace_id}/"
        request = urllib.request.Request(page, headers={"Cookie": self.cookie})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return "/login/" not in answer.url
        except HTTPError as refused:
            if refused.code != 404:
                raise
            return False


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)


def _until_closed(opened: Any) -> None:
    deadline = time.monotonic() + 15
    try:
        while time.monotonic() < deadline:
            opened.recv(timeout=max(0.0, deadline - time.monotonic()))
    except (ConnectionClosed, TimeoutError):
        return


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Removed", users=True)


@pytest.fixture(scope="module")
def admin(acme: Tenant) -> Admin:
    return Admin(acme)


def account(member: Member, **values: str) -> dict[str, Any]:
    """The form of a user's page; a box that is not ticked is not sent."""
    return {"username": member.user["username"], "first_name": "", "last_name": "", "email": "",
            "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0", **values}  # fmt: skip


REMOVE: dict[str, Callable[[Admin, Member], None]] = {
    "membership removed": lambda admin, who: admin.post(
        f"workspaces/membership/{who.membership}/delete/", post="yes"
    ),
    "role changed": lambda admin, who: admin.post(
        f"workspaces/membership/{who.membership}/change/", role="viewer" if who.controller else "pilot"
    ),
    "user deactivated": lambda admin, who: admin.post(f"workspaces/user/{who.pk}/change/", **account(who)),
    "password changed": lambda _admin, who: shell(who.platform, f"""
from workspaces.models import User
user = User.objects.get(pk={who.pk})
user.set_password("another-long-password")
user.save()
print(1)
"""),
    "workspace deleted": lambda _admin, who: shell(who.platform, f"""
from workspaces.models import Workspace
Workspace.objects.unscoped().get(workspace_id="{who.workspace_id}").delete()
print(1)
"""),
}  # fmt: skip
#: Every member may see, so a page and a console stay open; a password does not change what a controller may.
STAYS = {"role changed": {"page", "console by session"}, "password changed": {"controller"}}


#: A workspace with a controller's account cannot be deleted.
CASES = [(ending, role) for ending in REMOVE for role in ("operator", "pilot")]
CASES.remove(("workspace deleted", "pilot"))


@pytest.mark.parametrize(("ending", "role"), CASES)
def test_who_is_removed_is_out(acme: Tenant, admin: Admin, platform: Platform, ending: str, role: str) -> None:
    tenant = Tenant(platform, "Deleted") if ending == "workspace deleted" else acme
    member = Member(tenant, role)
    try:
        REMOVE[ending](admin, member)
        stays = STAYS.get(ending, set())
        for name in stays:
            member.sockets.pop(name, None)
        took = member.ends()
        print(f"\n{ending}, {role}:", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(took.items())))  # noqa: T201
        late = {name: seconds for name, seconds in took.items() if seconds > WITHIN and name not in stays}
        assert late == {}
    finally:
        member.close()
