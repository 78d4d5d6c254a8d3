"""What each role may do: the table, and that every route of the API asks for it."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.urls import URLPattern

from cloudapi.dji import urls
from devices.models import Device
from tests.factories import make_bound
from tests.unit.dji import ask, make_controller, make_online, member, token
from workspaces.models import Membership, Role, User, Workspace
from workspaces.roles import Capability, allows, roles_with
from workspaces.scoping import administered, may, may_enter_administration, owns_account

EVERYBODY = set(Role)
TABLE = {
    Capability.SEE: EVERYBODY,
    Capability.USE_WEB_CLIENTS: {Role.ADMIN, Role.OPERATOR, Role.VIEWER},
    Capability.FLY: {Role.PILOT},
    Capability.ADD_CONTROLLERS: {Role.ADMIN, Role.PILOT},
    Capability.RENAME: {Role.ADMIN, Role.OPERATOR},
    Capability.COMMAND: {Role.ADMIN, Role.OPERATOR},
    Capability.RELEASE: {Role.ADMIN},
    Capability.ADMINISTER: {Role.ADMIN},
}


def test_the_table() -> None:
    assert {capability: set(roles_with(capability)) for capability in Capability} == TABLE
    for nobody in ("", "owner", "ADMIN"):
        assert not any(allows(nobody, capability) for capability in Capability)


@pytest.mark.django_db
@pytest.mark.parametrize("capability", Capability)
def test_people_may_what_their_present_role_allows_in_that_workspace(
    ours: Workspace, theirs: Workspace, capability: Capability
) -> None:
    for role in Role:
        user = member(ours, role)
        assert may(user, ours, capability) is (role in TABLE[capability])
        assert not may(user, theirs, capability)
        assert not may(user, None, capability)
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.refresh_from_db()
        assert not may(user, ours, capability)
    for nobody in (None, AnonymousUser(), User.objects.create_superuser("root"), User(username="not saved")):
        assert not may(nobody, ours, capability)


@pytest.mark.django_db
def test_an_organization_is_administered_by_the_admins_of_its_workspaces(ours: Workspace, theirs: Workspace) -> None:
    admin, operator = member(ours, Role.ADMIN), member(ours, Role.OPERATOR)
    assert list(administered(admin)) == [ours.organization]
    assert owns_account(admin, operator)
    for nobody in (operator, None, AnonymousUser()):
        assert not administered(nobody).exists()
        assert not may_enter_administration(nobody)
        assert not owns_account(nobody, operator)
    Membership.objects.create(user=operator, workspace=theirs, role=Role.VIEWER)
    assert not owns_account(admin, operator)


# --- the API ----------------------------------------------------------------------------------------------------------
SEE = Capability.SEE
#: What each route asks for. None: it is about the one who asks.
ROUTES: dict[tuple[str, str], tuple[Capability | None, str]] = {
    ("Login", "post"): (None, "/login"),
    ("Logout", "post"): (None, "/logout"),
    ("RefreshToken", "post"): (None, "/token/refresh"),
    ("CurrentUser", "get"): (None, "/users/current"),
    ("ControllerAccount", "post"): (Capability.FLY, "/users/current/mqtt"),
    ("License", "get"): (Capability.FLY, "/pilot/license"),
    ("CurrentWorkspace", "get"): (SEE, "/workspaces/current"),
    ("Members", "get"): (SEE, "/users/{ws}/users"),
    ("Gateways", "get"): (SEE, "/devices/{ws}/devices"),
    ("BoundDevices", "get"): (SEE, "/devices/{ws}/devices/bound"),
    ("OneDevice", "get"): (SEE, "/devices/{ws}/devices/DOCK-1"),
    ("OneDevice", "put"): (Capability.RENAME, "/devices/{ws}/devices/DOCK-1"),
    ("BindDevice", "post"): (Capability.ADD_CONTROLLERS, "/devices/RC-1/binding"),
    ("UnbindDevice", "delete"): (Capability.RELEASE, "/devices/DOCK-1/unbinding"),
    ("Topologies", "get"): (SEE, "/workspaces/{ws}/devices/topologies"),
}
ROLE_REFUSED = 403


def offered(pattern: URLPattern) -> set[tuple[str, str]]:
    view = getattr(pattern.callback, "cls", None)
    name = str(pattern.name).removeprefix("dji-")
    return {(name, method) for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method)}


def test_every_route_and_method_is_in_the_table() -> None:
    assert set().union(*(offered(pattern) for pattern in urls.urlpatterns)) == set(ROUTES)


@pytest.mark.django_db
@pytest.mark.usefixtures("valkey")
@pytest.mark.parametrize("route", [route for route, (asked, _path) in ROUTES.items() if asked], ids="-".join)
def test_every_route_asks_for_its_capability(ours: Workspace, theirs: Workspace, route: tuple[str, str]) -> None:
    make_bound(ours, "DOCK-1")
    make_controller(ours, "RC-1")
    make_online("RC-1")
    asked, path = ROUTES[route]
    assert asked is not None
    body = {"nickname": "Falcon", "gateway_sn": "RC 1 is no serial number"}
    for role in sorted(Role, key=lambda role: role in TABLE[asked]):
        answer = ask(route[1].upper(), path.format(ws=ours.workspace_id), body, token=token(ours, role))
        assert answer.status == 200
        assert (answer.code == ROLE_REFUSED) is (role not in TABLE[asked]), role
        if answer.code == ROLE_REFUSED:
            assert answer.refused
            device = Device.objects.unscoped().get(sn="DOCK-1")
            assert (device.workspace, device.callsign) == (ours, "")
        foreign = ask(route[1].upper(), path.format(ws=theirs.workspace_id), body, token=token(ours, role))
        if "{ws}" in path:
            assert foreign.refused
    nobody = ask(route[1].upper(), path.format(ws=ours.workspace_id), body)
    assert nobody.status == 401
