"""Who may see what, and which files may reach across tenants."""

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils import timezone

from devices.models import Device, TrackPoint
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from tests.factories import make_bound, make_code, make_workspace
from workspaces import services, tokens
from workspaces.models import AccessToken, BindCode, ClientKind, Membership, Organization, Role, User, Workspace
from workspaces.scoping import ScopedManager, ScopedQuerySet

ROOT = Path(__file__).resolve().parents[2]
APPS = ("cloudapi", "workspaces", "devices", "mqtt_bridge")
SOURCES = sorted(
    path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.relative_to(ROOT).parts
)
TENANT_OWNED: tuple[type[models.Model], ...] = (
    Workspace, Membership, BindCode, AccessToken, Device, MqttCredential, TrackPoint, UnpinnedCredential,
)  # fmt: skip

#: Files that cross tenants because that is their job.
MAY_SAY_UNSCOPED = {
    "devices/bind_claims.py",  # a code decides which tenant a device joins
    "devices/binding.py",
    "devices/connections.py",  # a gateway's connection is nobody's secret to the worker
    "devices/directory.py",  # the worker serves all tenants
    "devices/management/commands/timeline.py",  # commands are for the platform's own people
    "devices/partitions.py",  # history goes by its age alone
    "devices/ownership.py",  # devices change hands here
    "devices/locking.py",  # by whoever changes them
    "devices/presence.py",  # silence is measured for all
    "devices/topology.py",  # a gateway names devices that may be anybody's
    "mqtt_bridge/account_endings.py",  # a log-in's accounts, and those of former pilots
    "mqtt_bridge/broker_access/access.py",  # the broker has the accounts of all tenants
    "mqtt_bridge/broker_access/amqtt_plugin.py",
    "mqtt_bridge/broker_access/emqx_sessions.py",  # a client id that is a device's SN, whoever owns it
    "mqtt_bridge/connections.py",  # which gateway an account belongs to
    "mqtt_bridge/context.py",  # finds the tenant of a gateway
    "mqtt_bridge/controllers.py",  # a controller has one account on the platform
    "mqtt_bridge/credentials.py",  # an SN has one account on the platform
    "mqtt_bridge/demo.py",
    "mqtt_bridge/device_ca/ending.py",  # a gateway's account ends with its certificate, for the platform's own people
    "mqtt_bridge/device_ca/issuing.py",  # an SN has one account on the platform
    "mqtt_bridge/handlers/organization.py",  # says of foreign devices that they are taken
    "mqtt_bridge/handlers/topology.py",  # whoever has an account is a gateway
    "mqtt_bridge/management/commands/device.py",  # commands are for the platform's own people
    "mqtt_bridge/take_over.py",  # whose a controller is, of all tenants
    "workspaces/bind_throttle.py",  # an organization's admins, in all its workspaces
    "workspaces/management/output.py",
    "workspaces/scoping.py",
    "workspaces/services.py",  # a bind code as typed
    "workspaces/socket_access.py",  # the sockets of all tenants are checked in one go
    "workspaces/tokens.py",  # a token says which workspace it is for
}
#: Ways in that every manager has and that scope nothing. `create` and `bulk_create` make rows and show none.
OPEN_WAYS = {
    "all", "filter", "exclude", "get", "first", "last", "count", "exists", "values", "values_list", "in_bulk",
    "iterator", "order_by", "select_related", "prefetch_related", "select_for_update", "update", "delete", "aggregate",
    "annotate",
    "get_or_create", "update_or_create", "raw", "latest", "earliest", "only", "defer", "none", "distinct", "using",
    "get_queryset",
}  # fmt: skip


def _attributes(path: Path) -> list[ast.Attribute]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]


def _file(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_only_listed_files_say_unscoped_and_each_of_them_does() -> None:
    saying = {_file(path) for path in SOURCES if "unscoped" in path.read_text()}
    assert saying == MAY_SAY_UNSCOPED


@pytest.mark.parametrize("path", SOURCES, ids=_file)
def test_nobody_goes_round_the_scopes(path: Path) -> None:
    owned = {model.__name__ for model in TENANT_OWNED}
    found = [
        f"{_file(path)}:{node.lineno}: {node.value.value.id}.{node.value.attr}.{node.attr}"
        for node in _attributes(path)
        if node.attr in OPEN_WAYS
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in ("objects", "_default_manager", "_base_manager")
        and isinstance(node.value.value, ast.Name)
        and node.value.value.id in owned
    ]
    assert found == []


def test_every_model_that_belongs_to_a_workspace_has_the_scoped_manager() -> None:
    ours = [model for app in APPS[1:] for model in apps.get_app_config(app).get_models()]
    belonging = {
        model
        for model in ours
        if any(field.related_model is Workspace and field.name == "workspace" for field in model._meta.get_fields())
    }
    # The trail is read in the administration alone and outlives workspaces; it has no way in for members.
    assert belonging - {apps.get_model("workspaces", "AuditEntry")} | {Workspace} == set(TENANT_OWNED)
    for model in TENANT_OWNED:
        assert isinstance(model._default_manager, ScopedManager)
        assert isinstance(model._default_manager.get_queryset(), ScopedQuerySet)


# --- the matrix -------------------------------------------------------------------------------------------------------
@pytest.fixture
def tenants(ours: Workspace, theirs: Workspace) -> dict[str, Workspace]:
    """Three workspaces, two of one organization, each with one row of every model."""
    workspaces = {"ours": ours, "next door": make_workspace(ours.organization), "theirs": theirs}
    for name, workspace in workspaces.items():
        make_code(workspace)
        make_bound(workspace, f"DOCK-{name.replace(' ', '-')}")
        dock = workspace.devices.get()
        TrackPoint.objects.create(device=dock, workspace=workspace, at=timezone.now())
        admin = member(workspace, Role.ADMIN)
        tokens.issue(user=admin, workspace=workspace, client=ClientKind.WEB)
        UnpinnedCredential.objects.create(username=f"unpinned-{name}", workspace=workspace, pilot=admin)
    return workspaces


def member(workspace: Workspace, role: Role) -> User:
    return User.objects.get(username=services.create_member(workspace=workspace, role=role).username)


def workspaces_of(rows: models.QuerySet[models.Model]) -> set[int]:
    return {row.pk if isinstance(row, Workspace) else getattr(row, "workspace_id") for row in rows}  # noqa: B009


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_OWNED)
@pytest.mark.parametrize("role", Role)
def test_members_see_their_workspace_whatever_their_role_and_no_other(
    tenants: dict[str, Workspace], model: type[models.Model], role: Role
) -> None:
    ways: ScopedQuerySet[models.Model] = model._default_manager.get_queryset()  # type: ignore[assignment]
    user = member(tenants["ours"], role)
    assert workspaces_of(ways.for_user(user)) == {tenants["ours"].pk}
    Membership.objects.create(user=user, workspace=tenants["theirs"], role=Role.VIEWER)
    assert workspaces_of(ways.for_user(user)) == {tenants["ours"].pk, tenants["theirs"].pk}
    assert ways.for_user(user).count() == len(set(ways.for_user(user)))
    assert workspaces_of(ways.in_workspace(tenants["next door"])) == {tenants["next door"].pk}
    assert workspaces_of(ways.unscoped()) >= {workspace.pk for workspace in tenants.values()}


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_OWNED)
def test_who_is_no_active_member_sees_nothing(tenants: dict[str, Workspace], model: type[models.Model]) -> None:
    ways: ScopedQuerySet[models.Model] = model._default_manager.get_queryset()  # type: ignore[assignment]
    inactive = member(tenants["ours"], Role.ADMIN)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    inactive.refresh_from_db()
    outsider = User.objects.create_user("outsider", password="x")
    root = User.objects.create_superuser("root", password="x")
    for nobody in (None, AnonymousUser(), inactive, outsider, root, User(username="not saved")):
        assert not ways.for_user(nobody).exists()
    for nowhere in (None, Workspace(organization=Organization(name="x"), name="not saved")):
        assert not ways.in_workspace(nowhere).exists()


@pytest.mark.django_db
def test_a_membership_that_ended_shows_nothing_any_more(tenants: dict[str, Workspace]) -> None:
    user = member(tenants["ours"], Role.OPERATOR)
    Membership.objects.for_user(user).filter(user=user).delete()
    assert not Device.objects.for_user(user).exists()


@pytest.mark.django_db
def test_an_unclaimed_device_is_seen_by_nobody(tenants: dict[str, Workspace]) -> None:
    Device.objects.create(sn="UNCLAIMED")
    user = member(tenants["ours"], Role.ADMIN)
    assert not Device.objects.for_user(user).filter(sn="UNCLAIMED").exists()
    assert not Device.objects.in_workspace(None).exists()
