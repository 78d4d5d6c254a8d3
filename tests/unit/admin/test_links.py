"""Links with which members choose a password: for whom they work, until when, and what the audit trail says."""

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from tests.unit.admin.tenants import Tenant, url
from tests.unit.dji import ask
from workspaces import invitations
from workspaces.models import AuditEntry, Membership, Role, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]
CHOSEN = {"new_password1": "a-password-of-my-own", "new_password2": "a-password-of-my-own"}


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
    assert theirs.post(where, CHOSEN).headers["Location"] == "/login/"
    assert theirs.login(username="nora", password="a-password-of-my-own")
    assert "has been used" in Client().get(path, follow=True).content.decode()
    entry = AuditEntry.objects.get(action="member.invited")
    assert (entry.user_name, entry.target, entry.organization) == ("Home-admin", "nora", home.workspace.organization)


@pytest.mark.parametrize(
    "what",
    ["joined another organization", "became a superuser", "logged in", "maker removed", "maker deactivated",
     "maker lowered", "maker deleted"],
)  # fmt: skip
def test_a_link_ends_with_the_right_of_who_made_it(browser: Client, home: Tenant, foreign: Tenant, what: str) -> None:
    path = invited(browser, home)
    nora = User.objects.get(username="nora")
    if what == "joined another organization":
        Membership.objects.create(user=nora, workspace=foreign.workspace, role=Role.ADMIN)
    elif what == "became a superuser":
        User.objects.filter(pk=nora.pk).update(is_superuser=True)
    elif what.startswith("maker"):
        opened = Client()
        form = opened.get(path).headers["Location"]
        end_maker(what, home)
        assert "has been used" in opened.post(form, CHOSEN).content.decode()
    else:
        User.objects.filter(pk=nora.pk).update(last_login=timezone.now())
    assert "has been used" in Client().get(path, follow=True).content.decode()


def end_maker(what: str, home: Tenant) -> None:
    membership = Membership.objects.in_workspace(home.workspace).filter(user=home.admin)
    if what == "maker removed":
        membership.delete()
    elif what == "maker lowered":
        membership.update(role=Role.OPERATOR)
    elif what == "maker deactivated":
        User.objects.filter(pk=home.admin.pk).update(is_active=False)
    else:
        User.objects.get(pk=home.admin.pk).delete()


def test_a_link_ends_when_its_user_logs_in_by_the_api(home: Tenant) -> None:
    path = urlsplit(invitations.link(home.viewer, by=home.admin)).path
    typed = {"username": home.viewer.username, "password": "a-long-password", "flag": 1}
    assert ask("POST", "/login", {**typed, "password": "wrong"}).refused
    assert "new_password1" in Client().get(path, follow=True).content.decode()
    assert ask("POST", "/login", typed).data["access_token"]
    assert "has been used" in Client().get(path, follow=True).content.decode()


def test_links_for_new_passwords_are_audited(browser: Client, home: Tenant) -> None:
    data = {"action": "make_password_link", "_selected_action": [home.viewer.pk]}
    page = browser.post(url(User, "changelist"), data, follow=True).content.decode()
    assert "/password/" in page
    entry = AuditEntry.objects.get(action="user.password_link")
    assert (entry.target, entry.organization) == (home.viewer.username, home.workspace.organization)
    assert invitations.link_tokens.make_token(home.viewer, by=home.admin) not in str(entry.detail)


def test_a_link_of_a_command_has_no_maker_whose_right_could_end(home: Tenant) -> None:
    path = urlsplit(invitations.link(home.viewer, by=None)).path
    assert "new_password1" in Client().get(path, follow=True).content.decode()
    Membership.objects.in_workspace(home.workspace).filter(user=home.admin).delete()
    assert "new_password1" in Client().get(path, follow=True).content.decode()


@pytest.mark.parametrize(
    "forged", ["{root}.{rest}", ".{rest}", "{rest}", "{maker}.{rest}.", "0{maker}.{rest}", "x.{rest}"]
)
def test_nobody_puts_another_maker_into_a_link(home: Tenant, forged: str) -> None:
    maker, _dot, rest = invitations.link_tokens.make_token(home.viewer, by=home.admin).partition(".")
    root = User.objects.create_superuser("root", password="x")
    assert invitations.link_tokens.check_token(home.viewer, f"{maker}.{rest}")
    assert not invitations.link_tokens.check_token(home.viewer, forged.format(root=root.pk, maker=maker, rest=rest))


def test_a_chosen_password_is_audited_wherever_its_user_is_a_member(home: Tenant, foreign: Tenant) -> None:
    Membership.objects.create(user=home.viewer, workspace=foreign.workspace, role=Role.VIEWER)
    theirs, path = Client(), urlsplit(invitations.link(home.viewer, by=None)).path
    theirs.post(theirs.get(path).headers["Location"], CHOSEN)
    both = {home.workspace.organization, foreign.workspace.organization}
    entries = AuditEntry.objects.filter(action="user.password_set", target=home.viewer.username, user=home.viewer)
    assert {entry.organization for entry in entries} == both
    assert len(entries) == 2


def test_a_changed_password_is_audited(browser: Client, home: Tenant) -> None:
    wrong = browser.post("/admin/password_change/", {"old_password": "wrong", **CHOSEN})
    assert (wrong.status_code, AuditEntry.objects.filter(action="user.password_set").exists()) == (200, False)
    changed = browser.post("/admin/password_change/", {"old_password": "a-long-password", **CHOSEN})
    assert changed.headers["Location"] == "/admin/password_change/done/"
    assert browser.get("/admin/").status_code == 200
    entry = AuditEntry.objects.get(action="user.password_set")
    assert (entry.target, entry.organization) == (home.admin.username, home.workspace.organization)
    assert CHOSEN["new_password1"] not in str(entry.detail)
