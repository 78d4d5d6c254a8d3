"""Logging in, out and on; who the token is for."""

import statistics
import time
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import RequestFactory

from mqtt_bridge.models import UnpinnedCredential
from tests.factories import make_workspace
from tests.unit.dji import PASSWORD, ask, log_in, member, token, token_of
from workspaces import login_throttle
from workspaces.api import schemas
from workspaces.models import AuditEntry, Membership, Role, User, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]
USER = {"user_id", "username", "workspace_id", "user_type", "mqtt_username", "mqtt_password", "mqtt_addr"}
ROLE_FLAGS = [(Role.ADMIN, 1), (Role.OPERATOR, 1), (Role.VIEWER, 1), (Role.PILOT, 2)]


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.MQTT_BROKER = "amqtt"  # nothing is pushed to it
    settings.MQTT_PUBLIC_SCHEME, settings.MQTT_PUBLIC_HOST, settings.MQTT_PUBLIC_PORT = "ssl", "mqtt.example", 8883


@pytest.mark.parametrize(("role", "flag"), ROLE_FLAGS)
def test_log_in_field_by_field(ours: Workspace, role: Role, flag: int) -> None:
    user = member(ours, role)
    data = log_in(user, flag).data
    assert data.keys() == USER | {"access_token", "workspaces"}
    assert (data["user_id"], data["username"]) == (str(user.user_id), user.username)
    assert UUID(data["workspace_id"]) == ours.workspace_id
    assert (data["user_type"], type(data["user_type"])) == (flag, int)
    assert data["mqtt_addr"] == "ssl://mqtt.example:8883"
    # Only Pilot gets a broker account.
    assert bool(data["mqtt_username"]) == bool(data["mqtt_password"]) == (flag == 2)
    assert data["workspaces"] == [{"workspace_id": str(ours.workspace_id), "workspace_name": ours.name}]
    current = ask("GET", "/users/current", token=data["access_token"]).data
    assert current == {key: data[key] for key in USER}
    assert AuditEntry.objects.filter(action="login", user=user).count() == 1


@pytest.mark.parametrize("token", [None, "null", "", "undefined", "garbage"])
@pytest.mark.parametrize("flag", [2, "2"])
def test_log_in_looks_at_no_token_and_reads_the_flag_as_text(ours: Workspace, token: str | None, flag: Any) -> None:
    body = {"username": member(ours, Role.PILOT).username, "password": PASSWORD, "flag": flag, "extra": [1]}
    assert ask("POST", "/login", body, token=token).data["access_token"]


@pytest.mark.parametrize(("role", "flag"), [(role, 3 - flag) for role, flag in ROLE_FLAGS])
def test_a_wrong_kind_of_client(ours: Workspace, role: Role, flag: int) -> None:
    answer = log_in(member(ours, role), flag)
    assert (answer.status, answer.body) == (200, {"code": -1, "message": "The account type does not match."})


def test_unknown_wrong_inactive_are_the_same(ours: Workspace) -> None:
    inactive, user = member(ours, Role.PILOT), member(ours, Role.PILOT)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    asked = [("nobody", PASSWORD), (user.username, "wrong"), (inactive.username, PASSWORD)]
    answers = [ask("POST", "/login", {"username": name, "password": word, "flag": 2}) for name, word in asked]
    assert {(answer.status, str(answer.body)) for answer in answers} == {
        (200, "{'code': 401, 'message': 'Wrong user name or password.'}")
    }
    assert log_in(member(make_workspace(), Role.PILOT), workspace_id=str(ours.workspace_id)).code == 401


class SlowHasher(PBKDF2PasswordHasher):
    iterations = 100_000


def test_the_time_does_not_tell_whether_a_user_exists(
    ours: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.SlowHasher"]
    monkeypatch.setattr(login_throttle, "PER_USERNAME", 1000)
    user, inactive = member(ours, Role.PILOT), member(ours, Role.PILOT)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    times: dict[str, list[float]] = {name: [] for name in ("nobody", user.username, inactive.username)}
    for _round in range(9):
        for name, taken in times.items():
            began = time.thread_time()
            assert ask("POST", "/login", {"username": name, "password": "wrong", "flag": 2}).code == 401
            taken.append(time.thread_time() - began)
    medians = sorted(statistics.median(taken) for taken in times.values())
    assert medians[-1] < 1.5 * medians[0], medians


def test_failures_are_throttled_per_user_name(ours: Workspace) -> None:
    user, other = member(ours, Role.PILOT), member(ours, Role.PILOT)
    for name in (user.username, "Nobody"):
        codes = [ask("POST", "/login", {"username": name, "password": "x", "flag": 2}).code for _ in range(12)]
        assert codes == [401] * 10 + [429] * 2
    assert log_in(user).code == 429
    assert ask("POST", "/login", {"username": user.username.upper(), "password": "x", "flag": 2}).code == 429
    assert log_in(other).code == 0


def test_failures_are_throttled_per_address(ours: Workspace, settings: Any) -> None:
    user = member(ours, Role.PILOT)
    right = {"username": user.username, "password": PASSWORD, "flag": 2}

    def attempt(body: dict[str, Any], address: str, forwarded: str = "") -> int:
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        return ask("POST", "/login", body, REMOTE_ADDR=address, headers=headers).code

    wrong = [{"username": f"guess-{number}", "password": "x", "flag": 2} for number in range(50)]
    assert [attempt(body, "192.0.2.1", f"10.0.0.{at}") for at, body in enumerate(wrong)] == [401] * 50
    # What a client says of its address counts only behind a proxy, and there only what the proxy has added.
    assert attempt(right, "192.0.2.1", "198.51.100.7") == 429
    assert attempt(right, "192.0.2.2") == 0
    settings.BEHIND_PROXY = True
    assert attempt(right, "10.9.9.9", "198.51.100.7, 192.0.2.1") == 429
    assert attempt(right, "10.9.9.9", "192.0.2.1, 198.51.100.7") == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3::4", "2001:0db8:0001:0002::/64"), ("::ffff:192.0.2.1", "192.0.2.1"),
     ("", ""), ("unix:", "unix:")],
)  # fmt: skip
def test_addresses_that_are_counted_together(address: str, counted: str) -> None:
    assert login_throttle.address_of(RequestFactory(REMOTE_ADDR=address).get("/")) == counted


def test_without_valkey_nobody_logs_in(ours: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    gone = redis.Redis(port=1)
    monkeypatch.setattr(login_throttle, "client", lambda: gone)
    assert log_in(member(ours, Role.PILOT)).code == 429


# --- several workspaces -----------------------------------------------------------------------------------------------
def test_a_pilot_of_several_workspaces_chooses(ours: Workspace, theirs: Workspace) -> None:
    user = member(ours, Role.PILOT)
    Membership.objects.create(user=user, workspace=theirs, role=Role.PILOT)
    Membership.objects.create(user=user, workspace=make_workspace(), role=Role.VIEWER)
    data = log_in(user).data
    choices = [choice["workspace_id"] for choice in data["workspaces"]]
    assert set(choices) == {str(ours.workspace_id), str(theirs.workspace_id)}
    assert data["workspace_id"] == choices[0]
    second = ask("POST", "/token/refresh", {"workspace_id": choices[1]}, token=data["access_token"]).data
    assert second["workspace_id"] == choices[1]
    assert second.keys() == data.keys()
    assert ask("GET", "/workspaces/current", token=second["access_token"]).data["workspace_id"] == choices[1]
    # The first one goes on until the log-in ends.
    assert ask("GET", "/workspaces/current", token=data["access_token"]).data["workspace_id"] == choices[0]
    assert log_in(user, workspace_id=choices[1]).data["workspace_id"] == choices[1]
    for other in ("00000000-0000-4000-8000-000000000000", "x", str(make_workspace().workspace_id)):
        assert log_in(user, workspace_id=other).code == 401
        assert ask("POST", "/token/refresh", {"workspace_id": other}, token=data["access_token"]).refused


# --- current user, workspace, members, licence ------------------------------------------------------------------------
def test_the_current_workspace(ours: Workspace, settings: Any) -> None:
    settings.PLATFORM_NAME = "Alpine cloud"
    for role in Role:
        assert ask("GET", "/workspaces/current", token=token(ours, role)).data == {
            "id": ours.pk,
            "workspace_id": str(ours.workspace_id),
            "workspace_name": ours.name,
            "workspace_desc": ours.description,
            "platform_name": "Alpine cloud",
            "bind_code": "",
        }


def test_members(ours: Workspace, theirs: Workspace) -> None:
    admin, pilot = member(ours, Role.ADMIN, "a"), member(ours, Role.PILOT, "p")
    stranger = member(theirs, Role.ADMIN)
    rows = ask("GET", f"/users/{ours.workspace_id}/users", token=token_of(admin, ours)).data["list"]
    assert [(row["user_id"], row["username"], row["user_type"]) for row in rows] == [
        (str(admin.user_id), "a", "Web"), (str(pilot.user_id), "p", "Pilot"),
    ]  # fmt: skip
    for row in rows:
        assert row.keys() == set(schemas.MemberSchema().fields)
        assert (row["workspace_name"], row["mqtt_username"], row["mqtt_password"]) == (ours.name, "", "")
        time.strptime(row["create_time"], "%Y-%m-%d %H:%M:%S")
    assert ask("GET", f"/users/{ours.workspace_id}/users", token=token_of(stranger, theirs)).refused


def test_the_licence_is_for_pilots_of_the_organization(ours: Workspace) -> None:
    given = token(ours, Role.PILOT)
    assert ask("GET", "/pilot/license", token=given).data == {
        "app_id": "135792", "app_key": "the-app-key", "license": "the-app-licence",
    }  # fmt: skip
    for role in (Role.ADMIN, Role.OPERATOR, Role.VIEWER):
        assert ask("GET", "/pilot/license", token=token(ours, role)).code == 403
    type(ours.organization).objects.filter(pk=ours.organization.pk).update(app_license="")
    refused = ask("GET", "/pilot/license", token=given)
    assert refused.refused
    assert "administrator" in refused.message


def test_an_account_without_a_named_controller_is_one_for_each_log_in(ours: Workspace) -> None:
    user = member(ours, Role.PILOT)
    first, second = log_in(user).data, log_in(user).data
    assert first["mqtt_username"] != second["mqtt_username"]
    refreshed = ask("POST", "/token/refresh", {}, token=first["access_token"]).data
    assert refreshed["mqtt_username"] == first["mqtt_username"]
    assert len(first["mqtt_password"]) == 26
    assert UnpinnedCredential.objects.in_workspace(ours).count() == 2
