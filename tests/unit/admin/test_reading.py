"""The admin of one organization reads nothing of another one, on any page, by any way."""

import re

import pytest
from django.db.models import ForeignKey, Model
from django.test import Client

from devices import ownership
from devices.models import Device
from mqtt_bridge import credentials
from mqtt_bridge.models import MqttCredential
from tests.unit.admin.tenants import (
    FOREIGN,
    MODELS,
    PAGES_OF_ONE,
    Tenant,
    browser_of,
    by_label,
    everything_of,
    is_foreign,
    management,
    url,
)
from workspaces.models import AuditEntry, BindCode, Organization, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


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
