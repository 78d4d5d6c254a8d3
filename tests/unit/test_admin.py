"""The platform's admin pages: every page opens, secrets are shown once or never, actions do what they say."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices import heard
from devices.models import Device, OfflineReason, TimelineEntry
from mqtt_bridge import credentials
from mqtt_bridge.models import MqttCredential
from workspaces import audit, services
from workspaces.models import AuditEntry, BindCode, Membership, Organization, Role, User, Workspace

pytestmark = pytest.mark.django_db
PAGES = ["workspaces_organization", "workspaces_workspace", "workspaces_user", "workspaces_membership",
         "workspaces_bindcode", "workspaces_auditentry", "devices_device", "mqtt_bridge_mqttcredential"]  # fmt: skip


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", password="a-long-password")


@pytest.fixture
def browser(root: User) -> Client:
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def workspace() -> Workspace:
    return services.create_organization(name="Alpine Rescue")


def url(page: str, *arguments: Any) -> str:
    return reverse(f"admin:{page}", args=arguments)


def messages_of(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def act(browser: Client, page: str, action: str, *rows: Any, **more: Any) -> str:
    """Runs an action on these rows and returns the messages that it left."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    response = browser.post(url(f"{page}_changelist"), data, follow=True)
    assert response.status_code == 200
    return messages_of(response)


@pytest.fixture
def one_of_each(workspace: Workspace, root: User) -> None:
    dock = Device.objects.create(sn="DOCK-1", domain=3, type=2, sub_type=0, workspace=workspace)
    Device.objects.create(sn="AIRCRAFT-1", gateway=dock, online=True, offline_reason="", last_seen_at=timezone.now())
    TimelineEntry.objects.bulk_create(
        [TimelineEntry(device=dock, at=timezone.now(), event=f"event {number}") for number in range(60)]
    )
    Membership.objects.create(user=root, workspace=workspace, role=Role.ADMIN)
    services.issue_bind_code(workspace=workspace, expires_at=timezone.now() + timedelta(hours=1))
    credentials.issue(sns=["DOCK-1"], workspace=workspace)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(browser: Client, one_of_each: None, page: str) -> None:
    listed = browser.get(url(f"{page}_changelist"))
    assert listed.status_code == 200
    assert browser.get(url(f"{page}_changelist"), {"q": "dock"}).status_code == 200
    for row in listed.context["cl"].result_list:
        assert browser.get(url(f"{page}_change", row.pk)).status_code == 200
    may_add = listed.context["has_add_permission"]
    assert browser.get(url(f"{page}_add")).status_code == (200 if may_add else 403)


def test_every_model_of_ours_on_the_site_is_tried_above() -> None:
    assert {f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_staff_without_superuser_rights_gets_nothing(one_of_each: None, page: str) -> None:
    clerk = User.objects.create_user("clerk", password="a-long-password", is_staff=True)
    clerk.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(clerk)
    for asked in (url(f"{page}_changelist"), url(f"{page}_add")):
        assert client.get(asked).headers["Location"] == f"/admin/login/?next={asked}"


# --- organizations ----------------------------------------------------------------------------------------------------
def organization_form(**values: Any) -> dict[str, Any]:
    return {
        "name": "Alpine Rescue", "app_id": "", "app_key": "", "app_license": "", "ntp_server_host": "pool.ntp.org",
        "ntp_server_port": "123", "workspaces-TOTAL_FORMS": "0", "workspaces-INITIAL_FORMS": "0", **values,
    }  # fmt: skip


def test_a_new_organization_starts_with_a_workspace(browser: Client) -> None:
    browser.post(url("workspaces_organization_add"), organization_form(name="New"))
    assert Organization.objects.get(name="New").workspaces.count() == 1
    assert AuditEntry.objects.filter(action="organization.added", user__username="root").exists()


def test_app_credentials_are_kept_and_never_shown(browser: Client, workspace: Workspace) -> None:
    page = url("workspaces_organization_change", workspace.organization.pk)
    browser.post(page, organization_form(app_id="1", app_key="the-key", app_license="the-license"))
    browser.post(page, organization_form(app_id="2"))
    organization = Organization.objects.get()
    assert (organization.app_id, organization.app_key, organization.app_license) == ("2", "the-key", "the-license")
    shown = browser.get(page).content.decode()
    assert "the-key" not in shown
    assert "the-license" not in shown
    assert not AuditEntry.objects.filter(detail__icontains="the-key").exists()


def test_saving_an_organization_does_not_undo_a_lock_of_the_meantime(browser: Client, workspace: Workspace) -> None:
    browser.get(url("workspaces_organization_change", workspace.organization.pk))
    locked_until = timezone.now() + timedelta(hours=1)
    Organization.objects.update(binding_locked_until=locked_until)
    browser.post(url("workspaces_organization_change", workspace.organization.pk), organization_form(name="Renamed"))
    assert Organization.objects.get(name="Renamed").binding_locked_until == locked_until


def test_ending_the_lock_on_binding(browser: Client, workspace: Workspace, valkey: str) -> None:
    organization = workspace.organization
    Organization.objects.update(binding_locked_until=timezone.now() + timedelta(hours=1))
    act(browser, "workspaces_organization", "clear_binding_lock", organization)
    assert Organization.objects.get().binding_locked_until is None
    assert AuditEntry.objects.filter(action="organization.binding_unlocked", organization=organization).exists()


def test_a_workspace_with_devices_cannot_be_deleted(browser: Client, workspace: Workspace) -> None:
    page = url("workspaces_workspace_delete", workspace.pk)
    device = Device.objects.create(sn="DOCK-1", workspace=workspace)
    assert browser.post(page, {"post": "yes"}).status_code == 403
    device.delete()
    assert browser.post(page, {"post": "yes"}).status_code == 302
    assert not Workspace.objects.unscoped().exists()


# --- bind codes -------------------------------------------------------------------------------------------------------
def test_a_bind_code_is_shown_once(browser: Client, workspace: Workspace) -> None:
    expires = timezone.now() + timedelta(hours=5)
    data = {"workspace": workspace.pk, "max_docks": "2", "expires_at_0": f"{expires:%Y-%m-%d}",
            "expires_at_1": f"{expires:%H:%M:%S}"}  # fmt: skip
    response = browser.post(url("workspaces_bindcode_add"), data, follow=True)
    shown = re.search(r"<code>([A-Z2-9]{12})</code>", messages_of(response))
    assert shown
    bind_code = services.find_bind_code(shown[1])
    assert bind_code is not None
    assert (bind_code.max_docks, bind_code.created_by, bind_code.workspace) == (2, User.objects.get(), workspace)
    page = browser.get(url("workspaces_bindcode_change", bind_code.pk)).content.decode()
    assert shown[1] not in page
    assert bind_code.code_hash not in page


def test_a_bind_code_of_the_past_is_refused(browser: Client, workspace: Workspace) -> None:
    data = {"workspace": workspace.pk, "max_docks": "0", "expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
    response = browser.post(url("workspaces_bindcode_add"), data)
    assert set(response.context["adminform"].form.errors) == {"max_docks", "expires_at"}


def test_revoking_bind_codes(browser: Client, workspace: Workspace) -> None:
    issued = services.issue_bind_code(workspace=workspace, expires_at=timezone.now() + timedelta(hours=1))
    act(browser, "workspaces_bindcode", "revoke", issued.bind_code)
    assert not BindCode.objects.in_workspace(workspace).get().is_usable()


# --- devices ----------------------------------------------------------------------------------------------------------
def test_claiming_and_releasing_devices(browser: Client, workspace: Workspace) -> None:
    device = Device.objects.create(sn="RC-1", domain=2, type=144, sub_type=0)
    assert act(browser, "devices_device", "claim", device) == ""  # a page that asks for the workspace
    assert not Device.objects.in_workspace(workspace).exists()
    act(browser, "devices_device", "claim", device, workspace=workspace.pk)
    assert Device.objects.in_workspace(workspace).get() == device
    act(browser, "devices_device", "release", device)
    released = Device.objects.unscoped().get()
    assert (released.workspace, released.offline_reason) == (None, OfflineReason.RELEASED)
    assert list(AuditEntry.objects.filter(target="RC-1").order_by("pk").values_list("action", "user__username")) == [
        ("device.claimed", "root"),
        ("device.released", "root"),
    ]


def test_only_the_callsign_can_be_edited(browser: Client, workspace: Workspace) -> None:
    device = Device.objects.create(sn="DOCK-1", workspace=workspace)
    page = url("devices_device_change", device.pk)
    timeline = {"timeline-TOTAL_FORMS": "0", "timeline-INITIAL_FORMS": "0"}
    browser.post(page, {"callsign": "Falcon", "sn": "OTHER", "workspace": "", "online": "on", **timeline})
    device.refresh_from_db()
    assert (device.callsign, device.sn, device.workspace, device.online) == ("Falcon", "DOCK-1", workspace, False)


def test_the_timeline_shows_the_latest_entries(browser: Client, one_of_each: None) -> None:
    device = Device.objects.unscoped().get(sn="DOCK-1")
    page = browser.get(url("devices_device_change", device.pk)).content.decode()
    assert "event 59" in page
    assert "event 9<" not in page


@pytest.mark.parametrize("kind", ["0", "2", "3", "other"])
def test_devices_can_be_filtered_by_kind(browser: Client, one_of_each: None, kind: str) -> None:
    found = browser.get(url("devices_device_changelist"), {"kind": kind}).context["cl"].result_list
    assert [device.sn for device in found] == {"3": ["DOCK-1"], "other": ["AIRCRAFT-1"]}.get(kind, [])


@pytest.mark.parametrize(
    ("skew", "warning"),
    [
        (7_390_000, "Clock is 2 h 3 min behind"),
        (-59_700, "Clock is 1 min 0 s ahead"),
        (5_001, "Clock is 5 s behind"),
        (-93_600_000, "Clock is 1 d 2 h ahead"),
        (5_000, ""),
        (None, ""),
    ],
)
def test_the_list_warns_of_wrong_clocks(browser: Client, one_of_each: None, skew: int | None, warning: str) -> None:
    Device.objects.unscoped().update(clock_skew_ms=skew)
    page = browser.get(url("devices_device_changelist")).content.decode()
    assert page.count("Clock is") == (2 if warning else 0)
    assert warning in page


@pytest.mark.live
def test_the_list_shows_the_live_moment(browser: Client, one_of_each: None, valkey: str) -> None:
    heard.note({"DOCK-1": 1_700_000_000_000})
    rows = {row.sn: row for row in browser.get(url("devices_device_changelist")).context["cl"].result_list}
    assert rows["DOCK-1"].last_seen_at.year == 2023


# --- MQTT accounts ----------------------------------------------------------------------------------------------------
def test_an_mqtt_password_is_shown_once(browser: Client, workspace: Workspace) -> None:
    data = {"gateway_sn": "DOCK-1", "workspace": workspace.pk, "model_key": "3-2-0"}
    response = browser.post(url("mqtt_bridge_mqttcredential_add"), data, follow=True)
    credential = MqttCredential.objects.in_workspace(workspace).get()
    assert credential.password in messages_of(response)
    page = browser.get(url("mqtt_bridge_mqttcredential_change", credential.pk)).content.decode()
    assert credential.password not in page
    assert credential.seed not in page
    assert Device.objects.unscoped().get(sn="DOCK-1").model_key == "3-2-0"


def test_an_mqtt_account_of_another_organization_is_refused(browser: Client, workspace: Workspace) -> None:
    Device.objects.create(sn="OWNED", workspace=services.create_organization(name="Somebody else"))
    for sn in ("OWNED", "a/b"):
        data = {"gateway_sn": sn, "workspace": workspace.pk, "model_key": "3-2-0"}
        response = browser.post(url("mqtt_bridge_mqttcredential_add"), data)
        assert set(response.context["adminform"].form.errors) == {"gateway_sn"}
    assert not MqttCredential.objects.unscoped().exists()


def test_rotating_and_deleting_mqtt_accounts(
    browser: Client, workspace: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    [credential] = credentials.issue(sns=["DOCK-1"], workspace=workspace)
    before = credential.password
    shown = act(browser, "mqtt_bridge_mqttcredential", "rotate", credential)
    credential.refresh_from_db()
    assert credential.password != before
    assert credential.password in shown
    with django_capture_on_commit_callbacks(execute=True):
        act(browser, "mqtt_bridge_mqttcredential", "delete_selected", credential, post="yes")
    assert not MqttCredential.objects.unscoped().exists()
    assert AuditEntry.objects.filter(action="mqtt_credential.removed", user__username="root").exists()


# --- the audit trail --------------------------------------------------------------------------------------------------
def test_the_audit_trail_cannot_be_changed(browser: Client, workspace: Workspace) -> None:
    audit.record("something.done", workspace=workspace, note="<b>")
    entry = AuditEntry.objects.latest("pk")
    page = url("workspaces_auditentry_change", entry.pk)
    assert "&lt;b&gt;" in browser.get(page).content.decode()
    assert browser.post(page, {"action": "x"}).status_code == 403
    assert browser.post(url("workspaces_auditentry_delete", entry.pk), {"post": "yes"}).status_code == 403
