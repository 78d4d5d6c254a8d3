"""Who gets into the administration, and that every page of it is tried here."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import URLPattern, URLResolver

from tests.unit.admin.tenants import MODELS, PAGES_OF_ONE, Tenant, browser_of, url
from workspaces.admin.scoped import Scoped, ScopedModelAdmin
from workspaces.models import Membership, Organization, Role, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]
#: Every page of a model, and how its address is made; a new kind of page needs a row here.
PAGES_OF_ALL = {"changelist", "add"}
#: Pages of the site that show no rows.
OF_THE_SITE = {
    "index", "login", "logout", "add_dock", "password_change", "password_change_done", "jsi18n", "autocomplete",
    "app_list", "",
}  # fmt: skip


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
