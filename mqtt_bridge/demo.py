"""The demo tenant: an organization with people, a dock and a controller. Made once; later runs find it again.

What cannot be recovered from the database (passwords, the bind code) is kept in `DATA_DIR/demo.json`, where the
simulator reads it too.
"""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from devices import ownership
from devices.models import Device
from mqtt_bridge import credentials
from mqtt_bridge.models import MqttCredential
from workspaces import services
from workspaces.models import Membership, Organization, Role, User, Workspace

ORGANIZATION = "Demo organization"
#: SN → model key. The dock binds by itself with the code; the controller belongs to the workspace from the start.
GATEWAYS = {"DEMO-DOCK-1": "3-2-0", "DEMO-RC-1": "2-144-0"}
_CONTROLLER = "DEMO-RC-1"
_CODE_DAYS, _CODE_DOCKS = 365, 100


def prepare() -> tuple[dict[str, Any], list[MqttCredential]]:
    """Make what is missing of the demo; the object that `manage.py demo` prints, and the new broker accounts."""
    path = settings.DATA_DIR / "demo.json"
    kept = _read(path)
    with transaction.atomic():
        workspace = _workspace()
        users = _users(workspace, kept)
        code = _bind_code(workspace, kept)
        gateways, issued = _gateways(workspace)
    demo = {
        "http_url": settings.PUBLIC_URL,
        "mqtt_host": settings.MQTT_HOST,
        "mqtt_port": settings.MQTT_PORT,
        "organization_id": workspace.organization.organization_id,
        "organization_name": workspace.organization.name,
        "workspace_id": str(workspace.workspace_id),
        "workspace_name": workspace.name,
        "bind_code": code,
        "users": users,
        "gateways": [
            {
                "sn": credential.gateway_sn,
                "model_key": GATEWAYS[credential.gateway_sn],
                "mqtt_username": credential.username,
                "mqtt_password": credential.password,
            }
            for credential in gateways
        ],
    }
    _write(path, demo)
    return demo, issued


def workspace_id() -> str | None:
    """The workspace of a demo that was prepared here before."""
    kept = _read(settings.DATA_DIR / "demo.json").get("workspace_id")
    return kept if isinstance(kept, str) else None


def _workspace() -> Workspace:
    organization = Organization.objects.filter(name=ORGANIZATION).first()
    if organization is not None:
        return (
            organization.workspaces.select_related("organization").order_by("pk").first()
            or services.create_workspace(organization=organization)
        )  # fmt: skip
    workspace = services.create_organization(name=ORGANIZATION)
    organization = workspace.organization
    organization.app_id, organization.app_key, organization.app_license = "100000", "demo-app-key", "demo-app-license"
    organization.save(update_fields=["app_id", "app_key", "app_license"])
    return workspace


def _users(workspace: Workspace, kept: dict[str, Any]) -> list[dict[str, str]]:
    """One user per role; a password that is no longer known is replaced. The admin may use Django's admin."""
    passwords = {user["username"]: user["password"] for user in kept.get("users", [])}
    users = []
    for role in Role:
        member = (
            Membership.objects.in_workspace(workspace).filter(role=role).select_related("user").order_by("pk").first()
        )
        if member is None:
            username, password, _role = services.create_member(workspace=workspace, role=role)
        else:
            username = member.user.username
            password = passwords.get(username) or services.new_password()
            if username not in passwords:
                member.user.set_password(password)
                member.user.save(update_fields=["password"])
        users.append({"username": username, "password": password, "role": role.value})
    admins = [user["username"] for user in users if user["role"] == Role.ADMIN]
    User.objects.filter(username__in=admins).update(is_staff=True, is_superuser=True)
    return users


def _bind_code(workspace: Workspace, kept: dict[str, Any]) -> str:
    code: str = kept.get("bind_code", "")
    bind_code = services.find_bind_code(code) if code else None
    if bind_code is not None and bind_code.workspace_id == workspace.pk and bind_code.is_usable():
        return code
    return services.issue_bind_code(
        workspace=workspace, expires_at=timezone.now() + timedelta(days=_CODE_DAYS), max_docks=_CODE_DOCKS
    ).code


def _gateways(workspace: Workspace) -> tuple[list[MqttCredential], list[MqttCredential]]:
    """The accounts of all demo gateways, and the new ones among them."""
    existing = {row.gateway_sn: row for row in MqttCredential.objects.unscoped().filter(gateway_sn__in=GATEWAYS)}
    issued = [
        credential
        for sn, model_key in GATEWAYS.items()
        if sn not in existing
        for credential in credentials.issue(sns=[sn], workspace=workspace, model_key=model_key)
    ]
    existing |= {credential.gateway_sn: credential for credential in issued}
    if Device.objects.unscoped().filter(sn=_CONTROLLER, workspace=None).exists():
        ownership.claim(sns=[_CONTROLLER], workspace=workspace)
    return [existing[sn] for sn in GATEWAYS], issued


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(path: Path, demo: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(demo, indent=2, ensure_ascii=False) + "\n")
    temporary.replace(path)
