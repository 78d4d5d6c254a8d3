"""The audit trail is append-only: for models, querysets, cascades and SQL alike."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models import ProtectedError

from tests.factories import make_workspace
from workspaces import audit
from workspaces.models import AuditEntry, Organization, User, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(ours: Workspace) -> AuditEntry:
    user = User.objects.create_user("ada", password="x")
    audit.record("something.done", target="DOCK-1", workspace=ours, user=user)
    return AuditEntry.objects.get(action="something.done")


def by_bulk_update(entry: AuditEntry) -> None:
    entry.action = "other"
    AuditEntry.objects.bulk_update([entry], ["action"])


def by_upsert(entry: AuditEntry) -> None:
    entry.action = "other"
    AuditEntry.objects.bulk_create([entry], update_conflicts=True, unique_fields=["id"], update_fields=["action"])


def by_sql(statement: str) -> Callable[[AuditEntry], object]:
    def run(_entry: AuditEntry) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return run


def rows(entry: AuditEntry) -> "models.QuerySet[AuditEntry]":
    """Those of a queryset that says nothing itself."""
    return models.QuerySet(AuditEntry).filter(pk=entry.pk)


WAYS: dict[str, Callable[[AuditEntry], object]] = {
    "save": lambda entry: entry.save(),
    "delete": lambda entry: entry.delete(),
    "queryset update": lambda entry: AuditEntry.objects.update(action="other"),
    "queryset delete": lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
    "bulk update": by_bulk_update,
    "upsert": by_upsert,
    "plain queryset update": lambda entry: rows(entry).update(action="other"),
    "plain queryset delete": lambda entry: rows(entry).delete(),
    "raw delete": lambda entry: rows(entry)._raw_delete("default"),
    "of the organization": lambda entry: entry.organization and entry.organization.audit_entries.all().delete(),
    "SQL update": by_sql("UPDATE workspaces_auditentry SET action = 'other'"),
    "SQL delete": by_sql("DELETE FROM workspaces_auditentry"),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_changes_or_deletes_a_line(entry: AuditEntry, way: str) -> None:
    with pytest.raises((TypeError, DatabaseError), match="append-only"), transaction.atomic():
        WAYS[way](entry)
    assert AuditEntry.objects.get(pk=entry.pk).action == "something.done"


def test_lines_outlive_whom_and_what_they_name(entry: AuditEntry, ours: Workspace) -> None:
    user = entry.user
    assert user is not None
    user_pk = user.pk
    user.delete()
    ours.delete()
    kept = AuditEntry.objects.get(pk=entry.pk)
    assert (kept.user_id, kept.user_name, kept.workspace_name) == (user_pk, "ada", "Workspace 1")


def test_an_organization_with_a_trail_stays() -> None:
    organization = make_workspace().organization
    Workspace.objects.in_workspace(organization.workspaces.get()).delete()
    with pytest.raises(ProtectedError):
        organization.delete()
    assert Organization.objects.filter(pk=organization.pk).exists()
