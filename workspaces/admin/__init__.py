"""Admin pages of organizations, workspaces, people, bind codes and the audit trail."""

from workspaces.admin import audit, bind_codes, organizations, people

__all__ = ["audit", "bind_codes", "organizations", "people"]
