"""The platform's HTTP interface as somebody uses it who has only the contract."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from websockets.sync.client import ClientConnection, connect

from tests.live.tenants import Tenant, shell
from tests.platform import HOST, Platform

MANAGE = "/manage/api/v1"


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def code(self) -> int:
        return int(self.body["code"])

    @property
    def data(self) -> Any:
        assert (self.status, self.body.get("code")) == (200, 0), self
        return self.body["data"]


def ask(
    platform: Platform, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
) -> Answer:
    """One request; `body` is made JSON unless it is bytes. Underscores in names of headers stand for hyphens."""
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if token is not None:
        given["X-Auth-Token"] = token
    connection = http.client.HTTPConnection(HOST, platform.http_port, timeout=30)
    try:
        connection.request(method, path if path.startswith(("/m", "//")) else MANAGE + path, sent, given)
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    return Answer(response.status, json.loads(text) if text else {}, {k.lower(): v for k, v in response.getheaders()})


def log_in(tenant: Tenant, role: str) -> dict[str, Any]:
    """The data that a log-in with this role answers with."""
    return log_in_as(tenant.platform, tenant.users[role], 2 if role == "pilot" else 1)


def log_in_as(platform: Platform, user: Mapping[str, str], flag: int) -> dict[str, Any]:
    body = {"username": user["username"], "password": user["password"], "flag": flag}
    data: dict[str, Any] = ask(platform, "POST", "/login", body).data
    return data


def new_users(tenant: Tenant, role: str, number: int) -> list[dict[str, str]]:
    """Further members, for tests that change what others rely on."""
    made: list[dict[str, str]] = shell(
        tenant.platform,
        f"""
import json
from workspaces import services
from workspaces.models import Role, Workspace
workspace = Workspace.objects.unscoped().get(workspace_id="{tenant.workspace_id}")
made = [services.create_member(workspace=workspace, role=Role("{role}")) for _ in range({number})]
print(json.dumps([dict(username=one.username, password=one.password, role=one.role.value) for one in made]))
""",
    )
    return made


def socket(platform: Platform, token: str, **options: Any) -> ClientConnection:
    """The Cloud API's WebSocket, as Pilot opens it. Raises InvalidStatus when it is refused."""
    address = f"{platform.http_url.replace('http', 'ws', 1)}/api/v1/ws?x-auth-token={quote(token, safe='')}"
    return connect(address, open_timeout=20, max_size=None, **options)
