"""Writing the audit trail."""

from typing import Any

from workspaces.models import AuditEntry, Organization, User, Workspace


def record(
    action: str,
    *,
    target: str = "",
    organization: Organization | None = None,
    workspace: Workspace | None = None,
    user: User | None = None,
    gateway_sn: str = "",
    **detail: Any,
) -> None:
    """Append one entry, in the caller's transaction. `detail` must be plain JSON and must hold no secret."""
    if organization is None and workspace is not None:
        organization = workspace.organization
    AuditEntry.objects.create(
        action=action,
        target=target[:200],
        organization=organization,
        workspace=workspace,
        workspace_name=workspace.name if workspace is not None else "",
        user=user,
        user_name=user.get_username() if user is not None else "",
        gateway_sn=gateway_sn[:64],
        detail=detail,
    )
