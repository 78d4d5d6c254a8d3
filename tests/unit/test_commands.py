"""The management commands with --json: their keys, and sentences for what is refused."""

import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from cloudapi.valkey import client as valkey_client
from devices import heard
from devices.models import Device
from mqtt_bridge.models import MqttCredential
from workspaces import services
from workspaces.models import AuditEntry, BindCode, Membership, Organization, User, Workspace

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> Any:
    """What the command prints with --json, which has to be one object and nothing else."""
    stdout = io.StringIO()
    call_command(*arguments, "--json", stdout=stdout, stderr=io.StringIO())
    return json.loads(stdout.getvalue())


@pytest.fixture
def workspace() -> Workspace:
    return services.create_organization(name="Alpine Rescue")


@pytest.fixture
def other_workspace() -> Workspace:
    return services.create_organization(name="Somebody else")


# --- create_organization ----------------------------------------------------------------------------------------------
def test_create_organization() -> None:
    made = run("create_organization", "Alpine Rescue")
    organization = Organization.objects.get(name="Alpine Rescue")
    workspace = organization.workspaces.get()
    assert made == {
        "organization_id": organization.organization_id,
        "organization_name": "Alpine Rescue",
        "workspace_id": str(workspace.workspace_id),
        "workspace_name": workspace.name,
        "users": [],
    }


def test_create_organization_with_users_who_can_log_in() -> None:
    made = run("create_organization", "Alpine Rescue", "--with-users")
    assert [user["role"] for user in made["users"]] == ["admin", "operator", "pilot", "viewer"]
    for user in made["users"]:
        row = User.objects.get(username=user["username"])
        assert row.check_password(user["password"])
        assert not row.is_staff
        assert Membership.objects.for_user(row).get(user=row).role == user["role"]
    trail = str(list(AuditEntry.objects.values()))
    assert not any(user["password"] in trail for user in made["users"])


def test_user_names_are_unique_on_the_platform() -> None:
    first = run("create_organization", "Alpine Rescue", "--with-users")
    second = run("create_organization", "Alpine-Rescue", "--with-users")
    nameless = run("create_organization", "高山救援", "--with-users")
    names = [user["username"] for made in (first, second, nameless) for user in made["users"]]
    assert len(set(names)) == 12


@pytest.mark.parametrize("name", ["Alpine Rescue", " ", "x" * 101])
def test_create_organization_refuses_bad_names(workspace: Workspace, name: str) -> None:
    with pytest.raises(CommandError):
        run("create_organization", name)
    assert Organization.objects.count() == 1


# --- add_gateway ------------------------------------------------------------------------------------------------------
def test_add_gateway(workspace: Workspace, settings: Settings) -> None:
    settings.MQTT_PUBLIC_HOST, settings.MQTT_PUBLIC_PORT = "mqtt.example", 8883
    settings.MQTT_PUBLIC_SCHEME = "ssl"
    made = run("add_gateway", "DOCK-1", "DOCK-2", "--model", "3-2-0", "--workspace", str(workspace.workspace_id))
    first, second = MqttCredential.objects.in_workspace(workspace).order_by("username")
    assert made == {
        "gateways": [
            {
                "sn": credential.gateway_sn,
                "model_key": "3-2-0",
                "gateway_address": "ssl://mqtt.example:8883",
                "mqtt_host": "mqtt.example",
                "mqtt_port": 8883,
                "mqtt_username": credential.gateway_sn,
                "mqtt_password": credential.password,
                "organization_id": workspace.organization.organization_id,
            }
            for credential in (first, second)
        ]
    }
    device = Device.objects.unscoped().get(sn="DOCK-1")
    assert (device.kind, device.model_key, device.workspace) == ("dock", "3-2-0", None)


def test_add_gateway_with_bind_codes(workspace: Workspace) -> None:
    arguments = ("--model", "3-2-0", "--workspace", str(workspace.workspace_id), "--code-hours", "5")
    made = run("add_gateway", "DOCK-1", "DOCK-2", *arguments)["gateways"]
    codes = [services.find_bind_code(gateway["bind_code"]) for gateway in made]
    assert len(set(codes)) == 2
    for gateway, code in zip(made, codes, strict=True):
        assert code is not None
        assert (code.workspace, code.max_docks) == (workspace, 1)
        assert gateway["bind_code_expires_at"] == code.expires_at.isoformat()
        assert timedelta(hours=4.9) < code.expires_at - timezone.now() <= timedelta(hours=5)


def test_add_gateway_again_changes_the_password_and_keeps_the_owner(workspace: Workspace) -> None:
    arguments = ("add_gateway", "DOCK-1", "--workspace", str(workspace.workspace_id), "--model")
    first = run(*arguments, "3-2-0")["gateways"][0]
    Device.objects.unscoped().filter(sn="DOCK-1").update(workspace=workspace)
    second = run(*arguments, "3-77-1")["gateways"][0]
    assert first["mqtt_password"] != second["mqtt_password"]
    device = Device.objects.unscoped().get(sn="DOCK-1")
    assert (device.workspace, device.model_key) == (workspace, "3-77-1")
    assert list(AuditEntry.objects.filter(gateway_sn="DOCK-1").order_by("pk").values_list("action", flat=True)) == [
        "mqtt_credential.issued",
        "mqtt_credential.rotated",
    ]


@pytest.mark.parametrize(
    "bad", ["a/b", "a+b", "#", "a b", "", "x" * 65, '"><script>', "server", "unpinned-1", "cloudapi-1"]
)
def test_add_gateway_refuses_all_when_one_sn_is_bad(workspace: Workspace, bad: str) -> None:
    with pytest.raises(CommandError):
        run("add_gateway", "DOCK-1", bad, "--model", "3-2-0", "--workspace", str(workspace.workspace_id))
    assert not Device.objects.unscoped().exists()
    assert not MqttCredential.objects.unscoped().exists()


def test_add_gateway_refuses_what_belongs_to_another_organization(
    workspace: Workspace, other_workspace: Workspace
) -> None:
    run("add_gateway", "CREDENTIALED", "--model", "3-2-0", "--workspace", str(other_workspace.workspace_id))
    Device.objects.create(sn="OWNED", workspace=other_workspace)
    for sn in ("CREDENTIALED", "OWNED"):
        with pytest.raises(CommandError, match=f"{sn} .*another organization"):
            run("add_gateway", "FREE", sn, "--model", "3-2-0", "--workspace", str(workspace.workspace_id))
    assert not MqttCredential.objects.in_workspace(workspace).exists()


@pytest.mark.parametrize("model", ["3", "3-2", "dock", "0-67-0", "999-1-1"])
def test_add_gateway_refuses_what_is_no_gateway_model(workspace: Workspace, model: str) -> None:
    with pytest.raises(CommandError):
        run("add_gateway", "DOCK-1", "--model", model, "--workspace", str(workspace.workspace_id))


@pytest.mark.parametrize("workspace_id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_commands_refuse_an_unknown_workspace(workspace_id: str) -> None:
    with pytest.raises(CommandError, match=workspace_id):
        run("add_gateway", "DOCK-1", "--model", "3-2-0", "--workspace", workspace_id)
    with pytest.raises(CommandError, match=workspace_id):
        run("issue_bind_code", "--workspace", workspace_id)


def test_add_gateway_says_that_the_broker_is_not_running(workspace: Workspace) -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    arguments = ("DOCK-1", "--model", "3-2-0", "--workspace", str(workspace.workspace_id), "--json")
    call_command("add_gateway", *arguments, stdout=stdout, stderr=stderr)
    assert "does not answer" in stderr.getvalue()
    assert json.loads(stdout.getvalue())["gateways"]


# --- bind codes -------------------------------------------------------------------------------------------------------
def test_issue_bind_code(workspace: Workspace) -> None:
    made = run("issue_bind_code", "--workspace", str(workspace.workspace_id), "--docks", "3", "--hours", "0.5")
    bind_code = services.find_bind_code(made["bind_code"])
    assert bind_code is not None
    assert (bind_code.workspace, bind_code.max_docks) == (workspace, 3)
    assert made["organization_id"] == workspace.organization.organization_id
    assert made["workspace_id"] == str(workspace.workspace_id)
    expires_at = datetime.fromisoformat(made["expires_at"])
    assert expires_at == bind_code.expires_at
    assert abs(expires_at - timezone.now() - timedelta(minutes=30)) < timedelta(minutes=1)
    assert made["bind_code"] not in str(list(AuditEntry.objects.values()))


def test_a_bind_code_is_for_one_dock_and_three_days_by_default(workspace: Workspace) -> None:
    run("issue_bind_code", "--workspace", str(workspace.workspace_id))
    bind_code = BindCode.objects.in_workspace(workspace).get()
    assert bind_code.max_docks == 1
    assert abs(bind_code.expires_at - timezone.now() - timedelta(days=3)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "limits", [("--hours", "0"), ("--hours", "-1"), ("--hours", "nan"), ("--hours", "inf"), ("--hours", "soon"),
               ("--docks", "0"), ("--docks", "-5"), ("--docks", "99999999999"), ("--docks", "1.5")]
)  # fmt: skip
def test_issue_bind_code_refuses_impossible_limits(workspace: Workspace, limits: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        run("issue_bind_code", "--workspace", str(workspace.workspace_id), *limits)
    assert not BindCode.objects.unscoped().exists()


def test_revoke_bind_code(workspace: Workspace) -> None:
    code = run("issue_bind_code", "--workspace", str(workspace.workspace_id))["bind_code"]
    first = run("revoke_bind_code", f"{code[:4]}-{code[4:8]}-{code[8:]}".lower())
    assert first["bind_code"] == f"…{code[-4:]}"
    assert not BindCode.objects.in_workspace(workspace).get().is_usable()
    assert run("revoke_bind_code", code)["revoked_at"] == first["revoked_at"]
    assert AuditEntry.objects.filter(action="bind_code.revoked").count() == 1
    with pytest.raises(CommandError, match="no such bind code"):
        run("revoke_bind_code", "NOTACODE")


# --- device -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def no_valkey(settings: Settings) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    valkey_client.cache_clear()
    yield
    valkey_client.cache_clear()


def test_device_without_valkey_shows_the_stored_moment(workspace: Workspace, no_valkey: None) -> None:
    heard_at = timezone.now()
    dock = Device.objects.create(sn="DOCK-1", domain=3, type=2, sub_type=0, workspace=workspace, last_seen_at=heard_at)
    Device.objects.create(sn="AIRCRAFT-1", gateway=dock, callsign="Falcon")
    assert run("device", "DOCK-1") == {
        "sn": "DOCK-1",
        "model_key": "3-2-0",
        "kind": "dock",
        "workspace_id": str(workspace.workspace_id),
        "organization_id": workspace.organization.organization_id,
        "bound": True,
        "online": False,
        "offline_reason": "never_connected",
        "gateway_sn": None,
        "callsign": None,
        "last_seen_at": heard_at.isoformat(),
    }
    aircraft = run("device", "AIRCRAFT-1")
    assert (aircraft["gateway_sn"], aircraft["callsign"], aircraft["bound"]) == ("DOCK-1", "Falcon", False)
    assert (aircraft["model_key"], aircraft["kind"], aircraft["workspace_id"]) == (None, "unknown", None)


@pytest.mark.live
def test_device_prefers_the_live_moment(valkey: str) -> None:
    Device.objects.create(sn="DOCK-1", last_seen_at=timezone.now() - timedelta(hours=1))
    heard.note({"DOCK-1": 1_700_000_000_500})
    assert run("device", "DOCK-1")["last_seen_at"] == "2023-11-14T22:13:20.500000+00:00"


def test_an_unknown_device_is_said() -> None:
    with pytest.raises(CommandError, match="'NOPE'"):
        run("device", "NOPE")


# --- demo -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def demo_file(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path / "demo.json"


def test_demo_is_made_once(demo_file: Path) -> None:
    first = run("demo")
    assert run("demo") == first
    assert json.loads(demo_file.read_text()) == first
    assert stat.S_IMODE(demo_file.stat().st_mode) == 0o600
    assert [user["role"] for user in first["users"]] == ["admin", "operator", "pilot", "viewer"]
    assert [gateway["model_key"] for gateway in first["gateways"]] == ["3-2-0", "2-144-0"]
    assert {"http_url", "mqtt_host", "mqtt_port", "organization_id", "organization_name"} <= set(first)
    assert {"workspace_id", "workspace_name", "bind_code"} <= set(first)
    for user in first["users"]:
        row = User.objects.get(username=user["username"])
        assert row.check_password(user["password"])
        assert row.is_superuser is row.is_staff is (user["role"] == "admin")
    dock, controller = (Device.objects.unscoped().get(sn=gateway["sn"]) for gateway in first["gateways"])
    assert dock.workspace is None
    assert controller.workspace is not None
    bind_code = services.find_bind_code(first["bind_code"])
    assert bind_code is not None
    assert bind_code.max_docks == 100


def test_demo_replaces_what_was_lost(demo_file: Path) -> None:
    first = run("demo")
    demo_file.unlink()
    second = run("demo")
    assert second["workspace_id"] == first["workspace_id"]
    assert second["gateways"] == first["gateways"]
    assert second["bind_code"] != first["bind_code"]
    for user in second["users"]:
        assert User.objects.get(username=user["username"]).check_password(user["password"])


def test_demo_issues_another_code_when_the_kept_one_is_of_no_use(demo_file: Path) -> None:
    first = run("demo")
    run("revoke_bind_code", first["bind_code"])
    assert run("demo")["bind_code"] != first["bind_code"]


def test_without_a_platform_there_is_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)}
    asked = [sys.executable, "manage.py", "device", "DOCK1", "--json"]
    ended = subprocess.run(asked, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("manage.py: SECRET_KEY is not set")
    assert ended.stderr.count("\n") == 1


def test_readable_text_without_json(demo_file: Path) -> None:
    stdout = io.StringIO()
    call_command("demo", stdout=stdout, stderr=io.StringIO())
    assert "Demo organization" in stdout.getvalue()
    assert "{" not in stdout.getvalue()
