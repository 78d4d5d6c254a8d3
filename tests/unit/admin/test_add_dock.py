"""Adding a dock: everything to type in, once, and nothing changes when it is refused."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.models import Device
from mqtt_bridge.models import MqttCredential
from tests.unit.admin.tenants import Tenant, everything_of, is_foreign, url
from workspaces import services
from workspaces.models import BindCode

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


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
