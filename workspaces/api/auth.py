"""The `x-auth-token` header, and who may do what under the DJI-compatible paths."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from cloudapi.dji.envelope import BusinessError
from workspaces import tokens
from workspaces.models import AccessToken, User, Workspace
from workspaces.roles import Capability, allows

if TYPE_CHECKING:
    from rest_framework.views import APIView  # at run time its settings import this module

HEADER = "x-auth-token"


class TokenAuthentication(BaseAuthentication):
    """Sets `request.user` and `request.auth` (the AccessToken). Cookies and query strings are not looked at."""

    def __init__(self, find: Callable[[str], AccessToken | None] = tokens.check) -> None:
        self._find = find

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        token = request.headers.get(HEADER)
        if not token:
            return None
        row = self._find(token)
        if row is None:
            raise exceptions.AuthenticationFailed("The token is invalid or expired.")
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        return HEADER


class HasToken(BasePermission):
    message = "A token is required."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if request.auth is None:
            raise exceptions.NotAuthenticated("A token is required.")
        return True


def token_of(request: Request) -> AccessToken:
    if not isinstance(request.auth, AccessToken):
        raise exceptions.NotAuthenticated("A token is required.")
    return request.auth


@contextmanager
def log_in_of(request: Request) -> Iterator[AccessToken]:
    """The token, for making something that ends with its log-in: a transaction, and logging out waits for its end."""
    row = token_of(request)
    try:
        with tokens.going_on(row):
            yield row
    except tokens.LoggedOut:
        raise exceptions.AuthenticationFailed("The token is invalid or expired.") from None


def workspace_of(request: Request, workspace_id: str | None = None) -> Workspace:
    """The token's workspace. A path may name it, or nothing: clients send `null` right after their first log-in.

    Raises BusinessError for any other workspace, known or not.
    """
    workspace = token_of(request).workspace
    if workspace_id in (None, "", "null", "undefined", str(workspace.workspace_id)):
        return workspace
    try:
        named: Any = UUID(str(workspace_id))
    except ValueError:
        named = None
    if named == workspace.workspace_id:
        return workspace
    raise BusinessError("The workspace does not exist, or the token is for another one.")


def require(request: Request, capability: Capability) -> None:
    """Raises BusinessError unless the user's present role in the token's workspace allows it."""
    if not allows(token_of(request).role, capability):
        raise BusinessError("Your role does not allow this.", code=403)
