"""Two organizations and their rows, for what the admin of the one can do to the other."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices import ownership
from devices.models import Device
from mqtt_bridge import credentials
from mqtt_bridge.models import MqttCredential
from workspaces import audit, services
from workspaces.models import AuditEntry, BindCode, Membership, Organization, Role, User, Workspace

MODELS: list[type[Model]] = sorted(admin.site._registry, key=lambda model: model._meta.label)
PAGES_OF_ONE = {"change", "delete", "history", "auth_user_password_change"}
FOREIGN = "Foreign"


class Tenant:
    """An organization with a row of everything, all named so that any page that shows them is found out."""

    def __init__(self, name: str) -> None:
        self.workspace = services.create_organization(name=f"{name} Org")
        Workspace.objects.in_workspace(self.workspace).update(name=f"{name} site")
        self.workspace.refresh_from_db()
        self.admin = self.member(f"{name}-admin", Role.ADMIN)
        self.viewer = self.member(f"{name}-viewer", Role.VIEWER)
        [self.credential] = credentials.issue(sns=[f"{name.upper()}-DOCK"], workspace=self.workspace, user=self.admin)
        self.device = ownership.claim(
            sns=[f"{name.upper()}-DOCK"], workspace=self.workspace, user=self.admin
        )[0]  # fmt: skip
        expires = timezone.now() + timedelta(hours=1)
        issued = services.issue_bind_code(workspace=self.workspace, expires_at=expires, user=self.admin)
        self.bind_code = issued.bind_code
        audit.record(f"{name}.done", target=name, workspace=self.workspace, user=self.admin)

    def member(self, username: str, role: Role) -> User:
        user = User.objects.create_user(username, f"{username}@example.org", "a-long-password", first_name=username)
        Membership.objects.create(user=user, workspace=self.workspace, role=role)
        return user

    def row(self, model: type[Model]) -> Any:
        rows: dict[type[Model], Any] = {
            Organization: self.workspace.organization,
            Workspace: self.workspace,
            User: self.viewer,
            Membership: Membership.objects.in_workspace(self.workspace).get(user=self.viewer),
            BindCode: self.bind_code,
            AuditEntry: AuditEntry.objects.filter(workspace=self.workspace).latest("pk"),
            Device: self.device,
            MqttCredential: self.credential,
        }
        return rows[model]


def browser_of(user: User) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client


def url(model: type[Model], page: str, *arguments: Any) -> str:
    name = page if page in {"auth_user_password_change"} else f"{model._meta.app_label}_{model._meta.model_name}_{page}"
    return reverse(f"admin:{name}", args=arguments)


def by_label(model: type[Model]) -> str:
    return model._meta.label_lower


def is_foreign(text: str) -> bool:
    return FOREIGN.lower() in text.lower()


def everything_of(tenant: Tenant) -> dict[str, Any]:
    """What the tenant's rows hold."""
    held: dict[str, Any] = {}
    held |= {model._meta.label: model._base_manager.filter(pk=tenant.row(model).pk).values().get() for model in MODELS}
    held["members"] = sorted(Membership.objects.in_workspace(tenant.workspace).values_list("user", "role"))
    held["credentials"] = sorted(MqttCredential.objects.in_workspace(tenant.workspace).values_list("username", "seed"))
    held["codes"] = list(BindCode.objects.in_workspace(tenant.workspace).values_list("pk", "revoked_at"))
    return held


def management(prefix: str, number: int = 0) -> dict[str, str]:
    return {f"{prefix}-TOTAL_FORMS": str(number), f"{prefix}-INITIAL_FORMS": "0"}
