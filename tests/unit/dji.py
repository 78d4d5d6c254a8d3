"""A client of the DJI-compatible paths as tests use it, and people to log in."""

import itertools
import json
from typing import Any, NamedTuple

from django.test import Client

from cloudapi.dji.envelope import without_nulls
from devices.models import Device
from tests.factories import make_gateway
from workspaces import tokens
from workspaces.models import ClientKind, Membership, Role, User, Workspace

PASSWORD = "a-long-enough-password"
MANAGE = "/manage/api/v1"
_numbers = itertools.count(1)
#: Like the servers that run this: whatever a view raises becomes an answer.
_client = Client(raise_request_exception=False, enforce_csrf_checks=True)


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def code(self) -> int:
        return int(self.body["code"])

    @property
    def message(self) -> str:
        return str(self.body["message"])

    @property
    def data(self) -> Any:
        """Of an answer that must have succeeded."""
        assert self.status == 200, self
        assert self.body.keys() == {"code", "message", "data"}, self
        assert (self.code, self.message) == (0, "success"), self
        return self.body["data"]

    @property
    def refused(self) -> bool:
        """HTTP 200 with a code that is not 0, a sentence and no data."""
        return self.status == 200 and self.code != 0 and bool(self.message) and "data" not in self.body


def ask(
    method: str, path: str, body: Any = None, *, token: str | None = None, type: str = "application/json", **extra: Any
) -> Answer:
    """One request; `body` is made JSON unless it is bytes."""
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {} if token is None else {"x-auth-token": token}
    path = path if path.startswith(("/m", "//")) else MANAGE + path
    if path.startswith("//"):
        extra["PATH_INFO"] = path.partition("?")[0]  # the test client takes it for a host
    answer = _client.generic(
        method, path, sent, content_type=type, headers={**headers, **extra.pop("headers", {})}, **extra
    )
    body = json.loads(answer.content) if answer.content else {}
    assert without_nulls(body) == body
    return Answer(answer.status_code, body, dict(answer.headers))


def member(workspace: Workspace, role: Role, username: str = "") -> User:
    user = User.objects.create_user(username or f"{role.value}-{next(_numbers)}", password=PASSWORD)
    Membership.objects.create(user=user, workspace=workspace, role=role)
    return user


def token_of(user: User, workspace: Workspace) -> str:
    """A token without a log-in request, with the kind of client that the user's role uses."""
    role = Membership.objects.in_workspace(workspace).get(user=user).role
    client = ClientKind.PILOT if role == Role.PILOT else ClientKind.WEB
    return tokens.issue(user=user, workspace=workspace, client=client)


def token(workspace: Workspace, role: Role) -> str:
    return token_of(member(workspace, role), workspace)


def log_in(user: User, flag: Any = 2, **more: Any) -> Answer:
    return ask("POST", "/login", {"username": user.username, "password": PASSWORD, "flag": flag, **more})


def make_online(*sns: str) -> None:
    Device.objects.unscoped().filter(sn__in=sns).update(online=True, offline_reason="")


def make_controller(workspace: Workspace, sn: str, *, bound: bool = True) -> str:
    """A controller with an account that an administrator issued."""
    make_gateway(workspace, sn, "2-144-0")
    if bound:
        Device.objects.unscoped().filter(sn=sn).update(workspace=workspace)
    return sn
