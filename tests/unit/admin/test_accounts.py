"""Accounts of people: taken over by nobody, invited with a link, never promoted."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.unit.admin.tenants import Tenant, is_foreign, management, url
from workspaces import invitations
from workspaces.models import AuditEntry, Membership, Role, User, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


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
