"""The administration as the admin of one organization sees it: nothing of another one, on any page, by any way."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import ForeignKey, Model
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from devices import ownership
from devices.models import Device
from mqtt_bridge import credentials
from mqtt_bridge.models import MqttCredential
from workspaces import audit, invitations, services
from workspaces.admin.scoped import Scoped, ScopedModelAdmin
from workspaces.models import AuditEntry, BindCode, Membership, Organization, Role, User, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]
MODELS: list[type[Model]] = sorted(admin.site._registry, key=lambda model: model._meta.label)
#: Every page of a model, and how its address is made; a new kind of page needs a row here.
PAGES_OF_ALL = {"changelist", "add"}
PAGES_OF_ONE = {"change", "delete", "history", "auth_user_password_change"}
#: Pages of the site that show no rows.
OF_THE_SITE = {
    "index", "login", "logout", "add_dock", "password_change", "password_change_done", "jsi18n", "autocomplete",
    "app_list", "",
}  # fmt: skip
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


@pytest.fixture
def home(db: None) -> Tenant:
    return Tenant("Home")


@pytest.fixture
def foreign(db: None) -> Tenant:
    return Tenant(FOREIGN)


@pytest.fixture
def browser(home: Tenant, foreign: Tenant) -> Client:
    return browser_of(home.admin)


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


# --- what there is ----------------------------------------------------------------------------------------------------
def test_every_page_and_inline_declares_its_scope_by_our_base() -> None:
    for model, page in admin.site._registry.items():
        assert isinstance(page, ScopedModelAdmin), model
        assert all(issubclass(inline, Scoped) for inline in page.inlines), model


def names(urls: list[URLResolver | URLPattern]) -> Iterator[str]:
    for entry in urls:
        if isinstance(entry, URLResolver):
            yield from names(entry.url_patterns)
        else:
            yield entry.name or ""


def test_every_address_of_the_administration_is_tried_here() -> None:
    prefixes = tuple(f"{model._meta.app_label}_{model._meta.model_name}_" for model in MODELS)
    kinds = set()
    for name in names(admin.site.get_urls()):
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), "")
        kinds.add(name.removeprefix(prefix))
    assert kinds == PAGES_OF_ALL | PAGES_OF_ONE | OF_THE_SITE


def test_a_page_that_declares_nothing_shows_nothing(rf: Any, home: Tenant) -> None:
    page = ScopedModelAdmin(Organization, admin.site)
    request = rf.get("/")
    request.user = home.admin
    home.admin.user_permissions.set(Permission.objects.all())
    assert not page.get_queryset(request).exists()
    assert not page.has_module_permission(request)
    for may in (page.has_view_permission, page.has_change_permission, page.has_delete_permission):
        assert not may(request)
        assert not may(request, home.workspace.organization)
    assert not page.has_add_permission(request)


# --- who gets in ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["viewer", "operator", "pilot", "outsider", "staff", "former admin", "inactive admin"])
def test_who_is_no_admin_gets_no_further_than_the_log_in(home: Tenant, who: str) -> None:
    if who in Role.values:
        user = home.member(who, Role(who))
    elif who in ("outsider", "staff"):
        user = User.objects.create_user(who, password="a-long-password", is_staff=who == "staff")
        user.user_permissions.set(Permission.objects.all())
    else:
        user = home.member(who, Role.ADMIN)
    browser = browser_of(user)
    if who == "former admin":
        Membership.objects.for_user(user).filter(user=user).delete()
    if who == "inactive admin":
        User.objects.filter(pk=user.pk).update(is_active=False)
    for model in MODELS:
        for asked in (url(model, "changelist"), url(model, "add"), url(model, "change", home.row(model).pk)):
            assert browser.get(asked).headers["Location"].startswith("/admin/login/")
            assert browser.post(asked, {}).headers["Location"].startswith("/admin/login/")
    typed = {"username": user.username, "password": "a-long-password", "next": "/admin/"}
    assert Client().post("/admin/login/", typed).status_code == 200  # the form again


def test_an_admin_gets_in_without_being_staff(home: Tenant) -> None:
    browser = Client()
    typed = {"username": home.admin.username, "password": "a-long-password", "next": "/admin/"}
    assert browser.post("/admin/login/", typed).headers["Location"] == "/admin/"
    assert not home.admin.is_staff
    page = browser.get("/admin/").content.decode()
    for model in MODELS:
        assert url(model, "changelist") in page


# --- reading ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS, ids=by_label)
def test_lists_show_what_is_theirs(browser: Client, home: Tenant, model: type[Model]) -> None:
    listed = browser.get(url(model, "changelist"))
    assert home.row(model) in listed.context["cl"].result_list
    assert not is_foreign(listed.content.decode())
    found = browser.get(url(model, "changelist"), {"q": FOREIGN})
    assert not found.context["cl"].result_list
    for name in ("in_workspace", "o", "p", "all", "_facets"):
        assert not is_foreign(browser.get(url(model, "changelist"), {name: "1"}, follow=True).content.decode())


@pytest.mark.parametrize("model", MODELS, ids=by_label)
def test_pages_of_their_rows_name_nobody_else(browser: Client, home: Tenant, model: type[Model]) -> None:
    assert not is_foreign(browser.get(url(model, "change", home.row(model).pk)).content.decode())
    assert not is_foreign(browser.get(url(model, "add")).content.decode())
    history = browser.get(url(model, "history", home.row(model).pk), follow=True)
    assert history.status_code == 200
    assert not is_foreign(history.content.decode())


@pytest.mark.parametrize("model", MODELS, ids=by_label)
@pytest.mark.parametrize("page", sorted(PAGES_OF_ONE))
def test_pages_of_foreign_rows_are_not_found(browser: Client, foreign: Tenant, model: type[Model], page: str) -> None:
    before = everything_of(foreign)
    asked, nowhere = url(model, page, foreign.row(model).pk), url(model, page, 987_654)
    for where in (asked, nowhere):
        assert browser.get(where).status_code in (403, 404)
        form = {"post": "yes", "name": "x", "callsign": "x", "role": "admin", "password1": "x", "is_active": ""}
        assert browser.post(where, form).status_code in (403, 404)
    assert browser.get(asked).status_code == browser.get(nowhere).status_code
    assert everything_of(foreign) == before


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (User, "password__startswith=md5"),
        (User, "email__startswith=h"),
        (User, "is_superuser=0"),
        (User, "memberships__workspace__organization__id__exact=1"),
        (User, "memberships__role__exact=admin"),
        (MqttCredential, "seed__startswith=a"),
        (MqttCredential, "workspace__organization__app_key__startswith=a"),
        (BindCode, "code_hash__startswith=a"),
        (Device, "workspace__organization__name__startswith=F"),
        (Device, "gateway__workspace__isnull=1"),
        (AuditEntry, "user__password__startswith=a"),
        (AuditEntry, "detail__icontains=a"),
        (Organization, "app_key__startswith=a"),
    ],
    ids=str,
)
def test_query_strings_ask_no_hidden_columns(browser: Client, model: type[Model], query: str) -> None:
    assert browser.get(f"{url(model, 'changelist')}?{query}").status_code == 400


POINTING = [
    (model, field.name)
    for model in MODELS
    for field in model._meta.get_fields()
    if isinstance(field, ForeignKey)
]  # fmt: skip


@pytest.mark.parametrize(("model", "field"), POINTING, ids=str)
def test_autocompletion_completes_what_is_theirs(browser: Client, model: type[Model], field: str) -> None:
    for term in ("", FOREIGN, "o"):
        names = {"app_label": model._meta.app_label, "model_name": str(model._meta.model_name), "field_name": field}
        answer = browser.get("/admin/autocomplete/", {**names, "term": term})
        assert answer.status_code in (200, 403)
        assert not is_foreign(answer.content.decode())


def test_the_content_type_redirect_is_not_there(browser: Client, foreign: Tenant) -> None:
    assert browser.get(f"/admin/r/1/{foreign.device.pk}/").status_code == 404


def test_a_device_does_not_tell_of_its_former_owner(home: Tenant, foreign: Tenant, browser: Client) -> None:
    root = User.objects.create_superuser(f"{FOREIGN}-root", password="x")
    editor = browser_of(root)
    editor.post(url(Device, "change", foreign.device.pk), {"callsign": "Falcon", **management("timeline")})
    ownership.release(device=foreign.device, user=foreign.admin)
    credentials.remove(credential=foreign.credential)
    Device.objects.unscoped().filter(pk=foreign.device.pk).update(sn="TRADED")
    [traded] = ownership.claim(sns=["TRADED"], workspace=home.workspace, user=home.admin)
    assert "Foreign-root" in editor.get(url(Device, "history", traded.pk)).content.decode()
    for page in ("change", "history"):
        told = browser.get(url(Device, page, traded.pk), follow=True).content.decode()
        assert "TRADED" in told
        assert not re.search(r"Foreign-(admin|viewer|root)|Foreign (Org|site)", told)


def management(prefix: str, number: int = 0) -> dict[str, str]:
    return {f"{prefix}-TOTAL_FORMS": str(number), f"{prefix}-INITIAL_FORMS": "0"}


# --- writing ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS, ids=by_label)
def test_actions_do_nothing_to_foreign_rows(browser: Client, home: Tenant, foreign: Tenant, model: type[Model]) -> None:
    actions = ["delete_selected", *(admin.site._registry[model].actions or ())]
    before = everything_of(foreign)
    for action in actions:
        name = action if isinstance(action, str) else action.__name__
        data = {"action": name, "_selected_action": [foreign.row(model).pk], "post": "yes",
                "workspace": str(home.workspace.pk)}  # fmt: skip
        answer = browser.post(url(model, "changelist"), data, follow=True)
        assert not is_foreign(answer.content.decode())
        browser.post(url(model, "changelist"), {**data, "select_across": "1", "_selected_action": []})
    assert everything_of(foreign) == before


def test_foreign_workspaces_and_users_cannot_be_chosen(browser: Client, home: Tenant, foreign: Tenant) -> None:
    theirs, expires = foreign.workspace.pk, timezone.now() + timedelta(hours=1)
    when = {"expires_at_0": f"{expires:%Y-%m-%d}", "expires_at_1": f"{expires:%H:%M:%S}"}
    forms: list[tuple[type[Model], dict[str, Any], set[str]]] = [
        (BindCode, {"workspace": theirs, "max_docks": "1", **when}, {"workspace"}),
        (MqttCredential, {"gateway_sn": "NEW-1", "workspace": theirs, "model_key": "3-2-0"}, {"workspace"}),
        (Membership, {"user": home.viewer.pk, "workspace": theirs, "role": "admin"}, {"workspace"}),
        (Membership, {"user": foreign.viewer.pk, "workspace": home.workspace.pk, "role": "viewer"}, {"user"}),
        (User, {"username": "new", "workspace": theirs, "role": "viewer"}, {"workspace"}),
        (Workspace, {"organization": foreign.workspace.organization.pk, "name": "x", **management("memberships")},
         {"organization"}),
    ]  # fmt: skip
    before = everything_of(foreign)
    for model, form, wrong in forms:
        answer = browser.post(url(model, "add"), form)
        assert set(answer.context["adminform"].form.errors) == wrong, model
        assert not is_foreign(answer.content.decode())
    moving = {"action": "move", "_selected_action": [home.device.pk], "workspace": theirs}
    assert not is_foreign(browser.post(url(Device, "changelist"), moving).content.decode())
    home.device.refresh_from_db()
    assert home.device.workspace == home.workspace
    assert everything_of(foreign) == before


def test_inlines_take_nothing_foreign(browser: Client, home: Tenant, foreign: Tenant) -> None:
    member = Membership.objects.in_workspace(foreign.workspace).get(user=foreign.viewer)
    page, inline = url(Workspace, "change", home.workspace.pk), "memberships-0"
    attempts: list[dict[str, Any]] = [
        {**management("memberships", 1), f"{inline}-user": foreign.viewer.pk, f"{inline}-role": "viewer"},
        {"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1", f"{inline}-id": member.pk,
         f"{inline}-workspace": home.workspace.pk, f"{inline}-user": foreign.viewer.pk, f"{inline}-role": "admin"},
    ]  # fmt: skip
    before = everything_of(foreign)
    for attempt in attempts:
        browser.post(page, {"name": "Home site", "description": "", **attempt})
    assert everything_of(foreign) == before
    assert not Membership.objects.in_workspace(home.workspace).filter(user=foreign.viewer).exists()


def test_admins_manage_what_is_theirs(browser: Client, home: Tenant, django_capture_on_commit_callbacks: Any) -> None:
    quarry = services.create_workspace(organization=home.workspace.organization, name="Quarry")
    browser.post(url(Device, "change", home.device.pk), {"callsign": "Falcon"})
    move = {"action": "move", "_selected_action": [home.device.pk]}
    assert "Quarry" in browser.post(url(Device, "changelist"), move).content.decode()
    browser.post(url(Device, "changelist"), {**move, "workspace": quarry.pk})
    home.device.refresh_from_db()
    assert (home.device.callsign, home.device.workspace) == ("Falcon", quarry)
    browser.post(url(Device, "changelist"), {"action": "release", "_selected_action": [home.device.pk]})
    browser.post(url(BindCode, "changelist"), {"action": "revoke", "_selected_action": [home.bind_code.pk]})
    with django_capture_on_commit_callbacks(execute=True):
        browser.post(url(MqttCredential, "delete", home.credential.pk), {"post": "yes"})
    membership = home.row(Membership)
    browser.post(url(Membership, "change", membership.pk), {"role": "operator"})
    assert Membership.objects.in_workspace(home.workspace).get(user=home.viewer).role == Role.OPERATOR
    browser.post(url(Membership, "delete", membership.pk), {"post": "yes"})
    home.device.refresh_from_db()
    home.bind_code.refresh_from_db()
    assert home.device.workspace is None
    assert home.bind_code.revoked_at
    assert not MqttCredential.objects.in_workspace(home.workspace).exists()
    assert not Membership.objects.in_workspace(home.workspace).filter(user=home.viewer).exists()
    told = browser.get(url(AuditEntry, "changelist")).content.decode()
    for action in ("device.changed", "device.claimed", "device.released", "bind_code.revoked",
                   "mqtt_credential.removed", "membership.changed", "membership.deleted"):  # fmt: skip
        assert action in told


# --- accounts ---------------------------------------------------------------------------------------------------------
def account_form(**values: Any) -> dict[str, Any]:
    return {"username": "taken-over", "first_name": "", "last_name": "", "email": "evil@example.org",
            "is_active": "on", **management("memberships"), **values}  # fmt: skip


@pytest.mark.parametrize("whose", ["shared", "superuser", "foreign"])
def test_accounts_that_are_not_theirs_alone_cannot_be_taken_over(
    browser: Client, home: Tenant, foreign: Tenant, whose: str
) -> None:
    user = foreign.viewer
    if whose != "foreign":
        user = home.member("both", Role.VIEWER)
    if whose == "shared":
        Membership.objects.create(user=user, workspace=foreign.workspace, role=Role.VIEWER)
    User.objects.filter(pk=user.pk).update(is_superuser=whose == "superuser")
    before = User.objects.filter(pk=user.pk).values().get()
    assert browser.post(url(User, "change", user.pk), account_form()).status_code in (403, 404)
    assert browser.post(url(User, "auth_user_password_change", user.pk), {"password1": "x"}).status_code in (403, 404)
    made = browser.post(
        url(User, "changelist"), {"action": "make_password_link", "_selected_action": [user.pk]}, follow=True
    )
    assert "/password/" not in made.content.decode()
    assert User.objects.filter(pk=user.pk).values().get() == before
    if whose == "shared":
        page = browser.get(url(User, "change", user.pk)).content.decode()
        assert not is_foreign(page)


def test_own_accounts_can_be_changed_but_not_promoted(browser: Client, home: Tenant) -> None:
    attempt = account_form(username="renamed", is_superuser="on", is_staff="on", password="x", user_permissions="1")
    browser.post(url(User, "change", home.viewer.pk), attempt)
    user = User.objects.get(pk=home.viewer.pk)
    assert (user.username, user.email, user.is_superuser, user.is_staff) == (
        "renamed", "evil@example.org", False, False,
    )  # fmt: skip
    assert user.check_password("a-long-password")
    assert browser.get(url(User, "auth_user_password_change", user.pk)).status_code == 403


def test_admins_cannot_end_or_lower_their_own_membership(browser: Client, home: Tenant) -> None:
    own = Membership.objects.in_workspace(home.workspace).get(user=home.admin)
    assert browser.post(url(Membership, "change", own.pk), {"role": "viewer"}).status_code == 403
    assert browser.post(url(Membership, "delete", own.pk), {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [own.pk], "post": "yes"}
    browser.post(url(Membership, "changelist"), selected)
    inline = {"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1", "memberships-0-id": own.pk,
              "memberships-0-user": home.admin.pk, "memberships-0-workspace": home.workspace.pk,
              "memberships-0-role": "viewer"}  # fmt: skip
    browser.post(url(User, "change", home.admin.pk), account_form(username=home.admin.username, **inline))
    browser.post(url(Workspace, "change", home.workspace.pk), {"name": "Home site", "description": "", **inline})
    own.refresh_from_db()
    assert own.role == Role.ADMIN


def invited(browser: Client, home: Tenant) -> str:
    """The path of the link that an invitation shows."""
    form = {"username": "nora", "first_name": "", "last_name": "", "email": "", "role": "pilot",
            "workspace": home.workspace.pk}  # fmt: skip
    page = browser.post(url(User, "add"), form, follow=True).content.decode()
    found = re.search(r"<code>http://[^/]+(/password/[^<]+)</code>", page)
    assert found, page
    return found[1]


def test_an_invited_member_chooses_a_password(browser: Client, home: Tenant) -> None:
    path = invited(browser, home)
    nora = User.objects.get(username="nora")
    assert not nora.has_usable_password()
    assert Membership.objects.in_workspace(home.workspace).get(user=nora).role == Role.PILOT
    assert path not in browser.get(url(User, "change", nora.pk)).content.decode()
    theirs = Client()
    form = theirs.get(path, follow=True)
    where = form.request["PATH_INFO"]
    too_short = theirs.post(where, {"new_password1": "short", "new_password2": "short"})
    assert "too short" in too_short.content.decode()
    chosen = {"new_password1": "a-password-of-my-own", "new_password2": "a-password-of-my-own"}
    assert theirs.post(where, chosen).headers["Location"] == "/login/"
    assert theirs.login(username="nora", password="a-password-of-my-own")
    assert "has been used" in Client().get(path, follow=True).content.decode()
    entry = AuditEntry.objects.get(action="member.invited")
    assert (entry.user_name, entry.target, entry.organization) == ("Home-admin", "nora", home.workspace.organization)


@pytest.mark.parametrize("what", ["joined another organization", "became a superuser", "logged in"])
def test_a_link_ends_with_the_right_of_who_made_it(browser: Client, home: Tenant, foreign: Tenant, what: str) -> None:
    path = invited(browser, home)
    nora = User.objects.get(username="nora")
    if what == "joined another organization":
        Membership.objects.create(user=nora, workspace=foreign.workspace, role=Role.ADMIN)
    elif what == "became a superuser":
        User.objects.filter(pk=nora.pk).update(is_superuser=True)
    else:
        User.objects.filter(pk=nora.pk).update(last_login=timezone.now())
    assert "has been used" in Client().get(path, follow=True).content.decode()


def test_links_for_new_passwords_are_audited(browser: Client, home: Tenant) -> None:
    data = {"action": "make_password_link", "_selected_action": [home.viewer.pk]}
    page = browser.post(url(User, "changelist"), data, follow=True).content.decode()
    assert "/password/" in page
    entry = AuditEntry.objects.get(action="user.password_link")
    assert (entry.target, entry.organization) == (home.viewer.username, home.workspace.organization)
    assert invitations.link_tokens.make_token(home.viewer) not in str(entry.detail)


# --- add a dock -------------------------------------------------------------------------------------------------------
def dock_form(home: Tenant, **values: Any) -> dict[str, Any]:
    return {"sn": "NEW-DOCK", "model": "3-2-0", "workspace": home.workspace.pk, "hours": "72", **values}


def test_adding_a_dock_gives_everything_to_type_in_once(
    browser: Client, home: Tenant, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.MQTT_PUBLIC_SCHEME, settings.MQTT_PUBLIC_HOST, settings.MQTT_PUBLIC_PORT = "ssl", "mqtt.example", 8883
    where = reverse("admin:add_dock")
    assert f'href="{where}"' in browser.get(url(MqttCredential, "changelist")).content.decode()
    assert not is_foreign(browser.get(where).content.decode())
    answer = browser.post(where, dock_form(home))
    page = answer.content.decode()
    credential = MqttCredential.objects.in_workspace(home.workspace).get(gateway_sn="NEW-DOCK")
    assert credential.username == "NEW-DOCK"
    shown = dict(re.findall(r'data-copy="([^"]+)"()', page))
    address, account, password, organization_id, code = shown
    assert (address, account, password) == ("ssl://mqtt.example:8883", "NEW-DOCK", credential.password)
    assert organization_id == home.workspace.organization.organization_id
    bind_code = services.find_bind_code(code)
    assert bind_code is not None
    assert (bind_code.workspace, bind_code.max_docks, bind_code.created_by) == (home.workspace, 1, home.admin)
    assert timedelta(hours=71) < bind_code.expires_at - timezone.now() <= timedelta(hours=72)
    assert re.search(r'<svg[^>]+class="qr"', page)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*(src=|application/json))", page)
    assert "no-store" in answer.headers["Cache-Control"]
    again = browser.post(where, dock_form(home))
    assert "has been added already" in again.content.decode()
    credential.refresh_from_db()
    assert (credential.password, BindCode.objects.in_workspace(home.workspace).count()) == (password, 2)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"sn": "FOREIGN-DOCK"}, "sn"),
        ({"sn": "a/b"}, "sn"),
        ({"model": "other"}, "model_key"),
        ({"model": "other", "model_key": "0-91-1"}, "model_key"),
        ({"model": "0-91-1"}, "model"),
        ({"hours": "9999"}, "hours"),
        ({"workspace": "foreign"}, "workspace"),
    ],
    ids=str,
)
def test_what_cannot_be_added_changes_nothing(
    browser: Client, home: Tenant, foreign: Tenant, values: dict[str, Any], wrong: str
) -> None:
    if values.get("workspace") == "foreign":
        values = {"workspace": foreign.workspace.pk}
    before = everything_of(foreign)
    answer = browser.post(reverse("admin:add_dock"), dock_form(home, **values))
    assert set(answer.context["form"].errors) == {wrong}
    assert everything_of(foreign) == before
    assert MqttCredential.objects.in_workspace(home.workspace).get() == home.credential
    assert BindCode.objects.in_workspace(home.workspace).get() == home.bind_code


def test_a_dock_of_a_model_that_we_do_not_know_can_be_added(browser: Client, home: Tenant) -> None:
    browser.post(reverse("admin:add_dock"), dock_form(home, model="other", model_key="3-9-1"))
    assert Device.objects.unscoped().get(sn="NEW-DOCK").model_key == "3-9-1"
