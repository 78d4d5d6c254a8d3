"""Who may open a WebSocket, and whether they still may: by the session of a logged-in member, or by an access token."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from workspaces import tokens
from workspaces.models import User, Workspace

HEADER = "x-auth-token"
#: Close codes of a socket whose right to be open has ended.
ACCESS_ENDED = 4401


@dataclass(frozen=True, slots=True)
class Access:
    """The right to listen to a workspace. `token` or `session_key` is what it rests on; client as in AccessToken."""

    workspace: Workspace
    user_id: int
    client: str = ""
    token: str = ""
    session_key: str = ""

    def still_holds(self) -> bool:
        """Asks the tables: logging out, expiry, a removed membership and a changed password end it."""
        if self.token:
            return tokens.check(self.token) is not None
        return by_session(self.session_key, self.workspace.workspace_id) is not None


def by_token(token: str, workspace_id: UUID | None = None) -> Access | None:
    """Access to the token's workspace; None if the token does not hold, or is for another workspace than asked."""
    row = tokens.check(token)
    if row is None or workspace_id not in (None, row.workspace.workspace_id):
        return None
    return Access(row.workspace, row.user_id, client=row.client, token=token)


def by_session(session_key: str, workspace_id: UUID) -> Access | None:
    """Access of the member whom the session belongs to. Reads the session anew: a log-out elsewhere has deleted it."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = User.objects.filter(pk=session.get(SESSION_KEY), is_active=True).first() if session_key else None
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    workspace = Workspace.objects.for_user(user).filter(workspace_id=workspace_id).first()
    return Access(workspace, user.pk, session_key=session_key) if workspace is not None else None


def token_in(scope: dict[str, Any]) -> str:
    """The token in the header or, as Pilot sends it, in the query string; "" if there is none."""
    for name, value in scope.get("headers", ()):
        if name == HEADER.encode() and value:
            return str(value.decode("latin1"))
    found = parse_qs(scope.get("query_string", b"").decode("latin1")).get(HEADER)
    return found[0] if found else ""
