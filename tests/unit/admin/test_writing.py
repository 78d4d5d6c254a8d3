"""The admin of one organization changes what is theirs, and nothing of another one."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from devices.models import Device
from mqtt_bridge.models import MqttCredential
from tests.unit.admin.tenants import MODELS, Tenant, by_label, everything_of, is_foreign, management, url
from workspaces import services
from workspaces.models import AuditEntry, BindCode, Membership, Role, User, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


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
