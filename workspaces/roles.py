"""What each role may do in its workspace. `workspaces.scoping.may` asks for a user; here is the rule itself."""

from enum import Enum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMIN = "admin", _("admin")
    OPERATOR = "operator", _("operator")
    PILOT = "pilot", _("pilot")
    VIEWER = "viewer", _("viewer")


class Capability(Enum):
    #: Devices, their telemetry and timelines, other members: pages, API and sockets.
    SEE = "see"
    #: Log in with a web client of the Cloud API.
    USE_WEB_CLIENTS = "use web clients"
    #: Log in on a controller: broker account and the organization's DJI licence.
    FLY = "fly"
    #: Let a controller and the aircraft at it join the workspace.
    ADD_CONTROLLERS = "add controllers"
    #: Change a device's callsign.
    RENAME = "rename"
    #: Have a device do something.
    COMMAND = "command"
    #: Take a device out of the workspace.
    RELEASE = "release"
    #: Members, devices, bind codes, gateways' accounts and the audit trail of the whole organization, in the admin.
    ADMINISTER = "administer"


_ALLOWED: dict[Role, frozenset[Capability]] = {
    Role.VIEWER: frozenset({Capability.SEE, Capability.USE_WEB_CLIENTS}),
    Role.PILOT: frozenset({Capability.SEE, Capability.FLY, Capability.ADD_CONTROLLERS}),
    Role.OPERATOR: frozenset({Capability.SEE, Capability.USE_WEB_CLIENTS, Capability.RENAME, Capability.COMMAND}),
    Role.ADMIN: frozenset(Capability) - {Capability.FLY},
}


def allows(role: str, capability: Capability) -> bool:
    """Whether members with this role may do it; False for a role that we do not know."""
    return role in Role.values and capability in _ALLOWED[Role(role)]


def roles_with(capability: Capability) -> list[Role]:
    return [role for role in Role if allows(role, capability)]
