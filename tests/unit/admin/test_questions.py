"""Whatever an organization's admin types into an address or a form is answered, and is no error of ours."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client

from tests.unit.admin.tenants import Tenant, management, url
from workspaces.models import AuditEntry, BindCode, Membership, Organization, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]
NINES, MANY_NINES, WORDS = "9" * 30, "9" * 5000, "a+" * 2000
AUDIT = "/admin/workspaces/auditentry/"
COMPLETE = "/admin/autocomplete/?app_label=workspaces"


@pytest.fixture(autouse=True)
def _like_postgresql() -> Iterator[None]:
    """Which refuses NUL in every text, where SQLite takes it."""

    def execute(run: Callable[..., Any], sql: str, values: Any, many: bool, context: Any) -> Any:
        if any(isinstance(value, str) and "\0" in value for value in values or ()):
            raise ValueError("A string literal cannot contain NUL (0x00) characters.")
        return run(sql, values, many, context)

    with connection.execute_wrapper(execute):
        yield


BACK_TO_ALL = [
    "at__year=99999999999999999999", "at__year=9999", "at__year=0", "at__year=2020&at__month=13",
    f"at__year=2020&at__month={NINES}", "at__gte=0001-01-01T00:00:00%2B14:00", "at__lt=9999-12-31T23:59:59-14:00",
    "at__gte=x", "&".join(f"action={number}" for number in range(900)),
]  # fmt: skip


@pytest.mark.parametrize("query", BACK_TO_ALL)
def test_filters_that_mean_nothing_lead_back_to_the_whole_list(browser: Client, query: str) -> None:
    assert browser.get(f"{AUDIT}?{query}").headers["Location"] == f"{AUDIT}?e=1"
    assert browser.get(f"{AUDIT}?e=1&{query}").status_code == 200


REFUSED = [
    f"{AUDIT}?action__regex={quote('^(?:.|.|.)+!$')}", f"{AUDIT}?action__iregex=a", f"{AUDIT}?action__contains=a",
    f"{AUDIT}?action__in=a,b", f"{AUDIT}?at__date__gte=2020-01-01", "/admin/workspaces/bindcode/?expires_at__year=9999",
    f"{AUDIT}?action=%00", f"{AUDIT}?q=%00", f"{AUDIT}?%00=1", f"{AUDIT}?in_workspace=%00",
    "/admin/workspaces/membership/?role__exact=%00", "/admin/workspaces/membership/add/?workspace=%00", "/login/?x=%00",
    f"{COMPLETE}&model_name=membership&field_name=user&term=%00",
]  # fmt: skip


@pytest.mark.parametrize("asked", REFUSED)
def test_what_no_page_asks_is_refused(browser: Client, asked: str) -> None:
    assert browser.get(asked).status_code == 400


ANSWERED = [
    f"{AUDIT}?at__year=2020&at__month=2&at__day=3", f"{AUDIT}?at__gte=2020-01-01&at__lt=2020-01-02",
    f"{AUDIT}?action=login", f"{AUDIT}?p={NINES}", "/admin/workspaces/user/?is_active__exact=1", f"{AUDIT}?q={WORDS}",
    "/admin/workspaces/bindcode/?expires_at__isnull=True", "/admin/workspaces/membership/?role__exact=pilot",
    f"{COMPLETE}&model_name=membership&field_name=user&term={WORDS}",
    f"/admin/workspaces/membership/add/?workspace={NINES}", f"/admin/workspaces/membership/add/?user={MANY_NINES}",
    "/admin/workspaces/membership/add/?user=x", "/admin/workspaces/bindcode/add/?expires_at=9",
    "/admin/workspaces/bindcode/add/?expires_at=2030-01-01",
]  # fmt: skip


@pytest.mark.parametrize("asked", ANSWERED)
def test_the_rest_is_answered(browser: Client, asked: str) -> None:
    assert browser.get(asked).status_code == 200


@pytest.mark.parametrize("value", ["x", NINES, MANY_NINES, "-1", "0"])
def test_a_workspace_that_is_not_there_has_no_rows(browser: Client, home: Tenant, value: str) -> None:
    def listed(workspace: object) -> int:
        return len(browser.get(f"{AUDIT}?in_workspace={workspace}").context["cl"].result_list)

    assert (listed(value), listed(home.workspace.pk) > 0) == (0, True)


@pytest.mark.parametrize("name", ["memberships", "workspaces", "no_such_field"])
@pytest.mark.parametrize("model", ["user", "organization", "workspace"])
def test_only_columns_are_completed(browser: Client, model: str, name: str) -> None:
    assert browser.get(f"{COMPLETE}&model_name={model}&field_name={name}&term=x").status_code == 403


ACTIONS = [(User, "make_password_link"), (Membership, "delete_selected"), (BindCode, "revoke"),
           (Organization, "clear_binding_lock")]  # fmt: skip


@pytest.mark.parametrize(("model", "action"), ACTIONS, ids=str)
@pytest.mark.parametrize("selected", ["abc", "", "1.5", "nan", "\0", NINES, MANY_NINES])
def test_rows_that_cannot_be_are_not_selected(browser: Client, model: Any, action: str, selected: str) -> None:
    before = AuditEntry.objects.count()
    form = {"action": action, "_selected_action": [selected], "post": "yes"}
    assert browser.post(url(model, "changelist"), form).status_code == 400
    assert AuditEntry.objects.count() == before


def test_a_form_with_nul_is_refused(browser: Client, home: Tenant) -> None:
    form = {"username": "a\0b", "is_active": "on", **management("memberships")}
    assert browser.post(url(User, "change", home.viewer.pk), form).status_code == 400
    assert Client().post("/login/", {"username": "a", "password": "b", "next": "\0"}).status_code == 400


@pytest.mark.parametrize("sn", ["%00", "HOME%00DOCK", "a%20b", "9" * 65, "%ED%A0%80"])
def test_the_timeline_of_what_is_no_serial_number_is_not_there(browser: Client, home: Tenant, sn: str) -> None:
    devices = f"/workspaces/{home.workspace.workspace_id}/devices"
    assert browser.get(f"{devices}/{sn}/timeline/").status_code == 404
    assert browser.get(f"{devices}/{home.device.sn}/timeline/").status_code == 200
