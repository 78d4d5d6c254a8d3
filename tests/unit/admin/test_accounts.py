"""Accounts of people: taken over by nobody, never promoted."""

from typing import Any

import pytest
from django.test import Client

from tests.unit.admin.tenants import Tenant, is_foreign, management, url
from workspaces.models import Membership, Role, User, Workspace

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
