"""Logging in on the API: who, to which workspace, with what kind of client."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.http import HttpRequest
from django.utils.translation import gettext as _

from workspaces import audit, login_throttle, tokens
from workspaces.models import ClientKind, Membership, User, Workspace
from workspaces.roles import roles_with


class Refused(Exception):
    """Wrong user name or password, or too many failures: the same for every reason."""


class WrongKind(Exception):
    """The password is right, but the user has no role that logs in with this kind of client."""


class UnknownWorkspace(Exception):
    """The user is no member of the asked workspace in a role for this kind of client."""


@dataclass(frozen=True, slots=True)
class LogIn:
    user: User
    workspace: Workspace
    workspaces: list[Workspace]
    token: str


def log_in(
    request: HttpRequest, *, username: str, password: str, client: ClientKind, workspace_id: str | None = None
) -> LogIn:
    """Raises Refused, WrongKind, UnknownWorkspace or login_throttle.Throttled."""
    address = login_throttle.address_of(request)
    login_throttle.reserve(username=username, address=address)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        raise Refused(_("Wrong user name or password."))
    login_throttle.give_back(username=username, address=address)
    result = enter(user, client=client, workspace_id=workspace_id)
    update_last_login(None, user)  # type: ignore[arg-type]  # of a signal; it ends links for a new password
    audit.record("login", user=user, workspace=result.workspace, client=client.value)
    return result


def enter(user: User, *, client: ClientKind, workspace_id: str | None = None, login_id: UUID | None = None) -> LogIn:
    """A token for the asked workspace, or the user's first one. Raises WrongKind or UnknownWorkspace."""
    allowed = workspaces_for(user, client)
    if not allowed:
        raise WrongKind(_("The account type does not match."))
    chosen = [workspace for workspace in allowed if workspace_id in (None, "", str(workspace.workspace_id))]
    if not chosen:
        raise UnknownWorkspace(_("You are not a member of this workspace."))
    token = tokens.issue(user=user, workspace=chosen[0], client=client, login_id=login_id)
    return LogIn(user, chosen[0], allowed, token)


def workspaces_for(user: User, client: ClientKind) -> list[Workspace]:
    """The workspaces that the user can enter with this kind of client, by name."""
    memberships = Membership.objects.for_user(user).filter(user=user, role__in=roles_with(tokens.NEEDED[client]))
    return [
        membership.workspace
        for membership in memberships.select_related("workspace__organization").order_by(
            "workspace__organization__name", "workspace__name"
        )
    ]
