"""What ends a token, on HTTP and for an open socket."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import ProtectedError
from django.test import Client
from django.utils import timezone
from rest_framework.request import Request

from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from tests.factories import Clock
from tests.unit.dji import ask, log_in, make_online, member, token_of
from tests.unit.test_dji_envelope import WITH_TOKEN
from workspaces import socket_access, tokens
from workspaces.api.auth import TokenAuthentication
from workspaces.models import AccessToken, ClientKind, Membership, Role, User, Workspace
from workspaces.socket_access import Access, Claim, granted

pytestmark = pytest.mark.django_db
End = Callable[[User, Workspace, str], object]


def access_of(claim: Claim) -> Access | None:
    return granted([claim]).get(claim)


def by_token(token: str, workspace_id: UUID | None = None) -> Access | None:
    return access_of(Claim(token=token, workspace_id=workspace_id))


def by_session(session_key: str, workspace_id: UUID) -> Access | None:
    return access_of(Claim(session_key=session_key, workspace_id=workspace_id))


def still_holds(access: Access) -> bool:
    return access_of(access.claim) == access


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.MQTT_BROKER = "amqtt"  # nothing is pushed to it


def deactivate(user: User, _workspace: Workspace, _token: str) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User, _workspace: Workspace, _token: str) -> None:
    user.set_password("another-long-password")
    user.save(update_fields=["password"])


def remove_membership(user: User, workspace: Workspace, _token: str) -> None:
    Membership.objects.in_workspace(workspace).filter(user=user).delete()


def change_role(user: User, workspace: Workspace, _token: str) -> None:
    kinds = {Role.PILOT: Role.VIEWER}
    membership = Membership.objects.in_workspace(workspace).get(user=user)
    membership.role = kinds.get(Role(membership.role), Role.PILOT)
    membership.save(update_fields=["role"])


def delete_user(user: User, workspace: Workspace, _token: str) -> None:
    end_account(workspace)
    user.delete()


def delete_workspace(_user: User, workspace: Workspace, _token: str) -> None:
    end_account(workspace)
    workspace.delete()


def end_account(workspace: Workspace) -> None:
    """A pilot's broker account protects both, until it has ended at the broker."""
    accounts = UnpinnedCredential.objects.in_workspace(workspace)
    if accounts.exists():
        with pytest.raises(ProtectedError):
            workspace.delete()
        accounts.delete()


def log_out(_user: User, _workspace: Workspace, token: str) -> None:
    assert ask("POST", "/logout", {}, token=token).data == ""


def expire(user: User, _workspace: Workspace, _token: str) -> None:
    AccessToken.objects.unscoped().filter(user=user).update(expires_at=timezone.now() - timedelta(seconds=1))


ENDS = [deactivate, change_password, remove_membership, change_role, delete_user, delete_workspace, log_out, expire]


@pytest.mark.parametrize("role", [Role.PILOT, Role.OPERATOR])
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_it_ends_at_once_and_for_good(ours: Workspace, role: Role, end: End) -> None:
    user = member(ours, role)
    token = token_of(user, ours)
    refreshed = ask("POST", "/token/refresh", {}, token=token).data["access_token"]
    bystander = token_of(member(ours, role), ours)
    access = by_token(token)
    assert access is not None
    assert still_holds(access)
    end(user, ours, token)
    assert not still_holds(access)
    for ended in (token, refreshed):
        assert tokens.check(ended) is None
        assert by_token(ended) is None
        assert ask("GET", "/users/current", token=ended).status == 401
        # An ended token cannot be refreshed.
        assert ask("POST", "/token/refresh", {}, token=ended).status == 401
    assert ask("GET", "/users/current", token=bystander).status == (401 if end is delete_workspace else 200)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_all_that_an_ended_token_does_is_to_log_out_once(ours: Workspace, end: End) -> None:
    """It may be known for a while, since the controller's broker account goes on, too."""
    user = member(ours, Role.PILOT)
    token = token_of(user, ours)
    refreshed = ask("POST", "/token/refresh", {}, token=token).data["access_token"]
    end(user, ours, token)
    for method, path, body in WITH_TOKEN:
        if path != "/logout":
            assert ask(method, path.format(ws=ours.workspace_id), body, token=token).status == 401
    is_known = AccessToken.objects.unscoped().filter(user=user.pk).exists()
    assert is_known == (end not in (delete_user, delete_workspace, log_out))
    assert ask("POST", "/logout", {}, token=token).status == (200 if is_known else 401)
    assert not AccessToken.objects.unscoped().filter(user=user.pk).exists()
    for ended in (token, refreshed):
        assert ask("POST", "/logout", {}, token=ended).status == 401


def test_a_role_of_the_same_kind_keeps_it_with_the_new_rights(ours: Workspace) -> None:
    user = member(ours, Role.ADMIN)
    token = token_of(user, ours)
    Membership.objects.in_workspace(ours).filter(user=user).update(role=Role.VIEWER)
    assert ask("GET", "/users/current", token=token).data
    assert ask("DELETE", "/devices/X/unbinding", token=token).code == 403


def test_logging_out_ends_one_log_in_of_several(ours: Workspace, valkey: str) -> None:
    user = member(ours, Role.PILOT)
    first, second = (log_in(user).data["access_token"] for _ in range(2))
    assert ask("POST", "/logout", token=first).data == ""
    assert ask("GET", "/users/current", token=first).status == 401
    assert ask("GET", "/users/current", token=second).data


def test_hours_may_be_fractions(ours: Workspace, clock: Clock, settings: Any) -> None:
    settings.TOKEN_HOURS = 0.01
    user = member(ours, Role.PILOT)
    token = token_of(user, ours)
    clock.forward(seconds=35)
    later = ask("POST", "/token/refresh", {}, token=token).data["access_token"]
    clock.forward(seconds=2)
    assert ask("GET", "/users/current", token=token).status == 401
    assert ask("POST", "/token/refresh", {}, token=token).status == 401
    assert ask("GET", "/users/current", token=later).data
    clock.forward(seconds=40)
    assert ask("GET", "/users/current", token=later).status == 401
    clock.forward(seconds=tokens.GRACE.total_seconds() - 15)
    tokens.prune()
    assert AccessToken.objects.unscoped().count() == 1, "the later one is still known"
    clock.forward(seconds=9)
    assert ask("POST", "/logout", {}, token=later).status == 401
    tokens.prune()
    assert not AccessToken.objects.unscoped().exists()


def test_it_is_stored_hashed(ours: Workspace) -> None:
    token = token_of(member(ours, Role.PILOT), ours)
    assert len(token) >= 43
    [row] = AccessToken.objects.unscoped().values()
    assert token not in str(row)


def test_a_token_opens_sockets_of_its_workspace_only(ours: Workspace, theirs: Workspace) -> None:
    token = token_of(member(ours, Role.PILOT), ours)
    access = by_token(token, ours.workspace_id)
    assert access is not None
    assert (access.workspace, access.client) == (ours, ClientKind.PILOT)
    assert by_token(token, theirs.workspace_id) is None
    for garbage in ("", "null", "x", token[:-1], token.upper(), "\ud800".encode("utf-8", "replace").decode()):
        assert by_token(garbage) is None


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [(b"x-auth-token=abc", [], "abc"), (b"x-auth-token=a%2Bb%3D", [], "a+b="), (b"a=1&x-auth-token=abc", [], "abc"),
     (b"", [(b"x-auth-token", b"abc")], "abc"), (b"x-auth-token=abc", [(b"x-auth-token", b"")], "abc"),
     (b"x-auth-token=", [], ""), (b"", [], ""), (b"x-auth-token=%ff%00", [], "\ufffd\0"),
     (b"X-AUTH-TOKEN=abc", [], "")],
)  # fmt: skip
def test_where_a_socket_s_token_stands(query: bytes, headers: list[tuple[bytes, bytes]], expected: str) -> None:
    assert socket_access.token_in({"query_string": query, "headers": headers}) == expected


@pytest.mark.parametrize(
    "end", [deactivate, change_password, remove_membership, delete_user, delete_workspace], ids=lambda end: end.__name__
)
def test_a_session_s_access_ends_too(ours: Workspace, end: End) -> None:
    user = member(ours, Role.OPERATOR)
    client = Client()
    client.force_login(user)
    access = by_session(client.cookies["sessionid"].value, ours.workspace_id)
    assert access is not None
    assert still_holds(access)
    end(user, ours, "")
    assert not still_holds(access)


def test_a_session_s_access_ends_with_the_session(ours: Workspace, theirs: Workspace) -> None:
    client = Client()
    client.force_login(member(ours, Role.OPERATOR))
    key = client.cookies["sessionid"].value
    assert by_session(key, theirs.workspace_id) is None
    access = by_session(key, ours.workspace_id)
    assert access is not None
    client.post("/logout/")
    assert not still_holds(access)
    assert by_session(SessionStore().session_key or "", ours.workspace_id) is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/token/refresh", {}),
        ("GET", "/users/current", None),
        ("POST", "/users/current/mqtt", {"gateway_sn": "RC0001"}),
        ("POST", "/devices/RC0002/binding", {}),
    ],
)
def test_what_was_under_way_outlives_no_log_out(
    ours: Workspace, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    """Whoever has stolen a token must not keep the log-in by asking for new things all the time."""
    user = member(ours, Role.PILOT)
    token = token_of(user, ours)
    kept = token_of(user, ours)
    for each in (token, kept):
        assert ask("POST", "/users/current/mqtt", {"gateway_sn": "RC0002"}, token=each).data
    make_online("RC0002")
    authenticate = TokenAuthentication.authenticate

    def log_out_meanwhile(self: TokenAuthentication, request: Request) -> Any:
        found = authenticate(self, request)
        monkeypatch.setattr(TokenAuthentication, "authenticate", authenticate)
        assert ask("POST", "/logout", {}, token=token).data == ""
        return found

    monkeypatch.setattr(TokenAuthentication, "authenticate", log_out_meanwhile)
    assert ask(method, path, body, token=token).status == 401
    assert AccessToken.objects.unscoped().get().login_id == MqttCredential.objects.unscoped().get().login_id
    assert not UnpinnedCredential.objects.unscoped().exists()
    assert ask("GET", "/users/current", token=kept).data
