"""What the platform's admin pages have in common."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from workspaces import audit
from workspaces.admin.scoped import ScopedModelAdmin
from workspaces.models import Membership, Organization, User, Workspace


class Audited(ScopedModelAdmin):
    """Additions, changes and deletions made on the page enter the audit trail: the names of fields, never values."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.save()
            return
        # Only what was changed here: others (topology, presence, lock-outs) write to the same rows meanwhile.
        columns = {field.name for field in obj._meta.concrete_fields}
        changed = columns.intersection(form.changed_data)
        if changed:
            obj.save(update_fields=changed)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, "added", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, "changed", obj, changes=message if isinstance(message, list) else [str(message)])
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._record(request, "deleted", obj)
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, verb: str, obj: Any, **detail: Any) -> None:
        organization, workspace = owners(obj)
        audit.record(
            f"{self.opts.model_name}.{verb}",
            target=str(obj),
            organization=organization,
            workspace=workspace if verb != "deleted" or workspace is not obj else None,
            user=acting_user(request),
            **detail,
        )


def owners(obj: object) -> tuple[Organization | None, Workspace | None]:
    if isinstance(obj, Organization):
        return obj, None
    if isinstance(obj, User):
        membership = Membership.objects.for_user(obj).filter(user=obj).order_by("pk").first()
        return (membership.workspace.organization, None) if membership is not None else (None, None)
    workspace = obj if isinstance(obj, Workspace) else getattr(obj, "workspace", None)
    return (workspace.organization, workspace) if isinstance(workspace, Workspace) else (None, None)


def acting_user(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


#: For readonly columns that may be empty.
NOTHING = SafeString("-")
