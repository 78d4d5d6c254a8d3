"""Who: organizations (tenants), workspaces, users, memberships, bind codes and the audit trail."""

from workspaces.models.audit import AuditEntry
from workspaces.models.bind_code import BindCode
from workspaces.models.membership import Membership, Role
from workspaces.models.organization import Organization, Workspace
from workspaces.models.token import AccessToken, ClientKind
from workspaces.models.user import User

__all__ = [
    "AccessToken",
    "AuditEntry",
    "BindCode",
    "ClientKind",
    "Membership",
    "Organization",
    "Role",
    "User",
    "Workspace",
]
