"""Who may open a WebSocket, and whether they still may: by the session of a logged-in member, or by an access token."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from workspaces import tokens
from workspaces.models import Membership, User, Workspace

HEADER = "x-auth-token"
#: Close codes of a socket whose right to be open has ended.
ACCESS_ENDED = 4401


class Claim(NamedTuple):
    """What a client shows: a token, or a session for a workspace. `workspace_id` None: the token's own workspace."""

    token: str = ""
    session_key: str = ""
    workspace_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """The right to listen to a workspace, which rests on the claim; client as in AccessToken."""

    workspace: Workspace
    user_id: int
    claim: Claim
    client: str = ""


def granted(claims: Collection[Claim]) -> dict[Claim, Access]:
    """The claims that hold, with what they give access to: logging out, expiry, a removed membership and a changed
    password end them. However many are asked about, the number of queries is the same."""
    by_token = _of_tokens([claim for claim in claims if claim.token])
    return by_token | _of_sessions([claim for claim in claims if claim.session_key and not claim.token])


def _of_tokens(claims: Collection[Claim]) -> dict[Claim, Access]:
    rows = tokens.check_all({claim.token for claim in claims}) if claims else {}
    return {
        claim: Access(row.workspace, row.user_id, claim, client=row.client)
        for claim in claims
        if (row := rows.get(claim.token)) is not None and claim.workspace_id in (None, row.workspace.workspace_id)
    }


def _of_sessions(claims: Collection[Claim]) -> dict[Claim, Access]:
    """Reads the sessions anew: a log-out elsewhere has deleted them."""
    if not claims:
        return {}
    keys = {claim.session_key for claim in claims}
    alive = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    sessions = {row.session_key: row.get_decoded() for row in alive}
    user_ids = {session[SESSION_KEY] for session in sessions.values() if SESSION_KEY in session}
    users = {str(user.pk): user for user in User.objects.filter(pk__in=user_ids, is_active=True)}
    workspaces = _workspaces_of(users.values(), {claim.workspace_id for claim in claims if claim.workspace_id})
    found = {}
    for claim in claims:
        session = sessions.get(claim.session_key, {})
        user = users.get(str(session.get(SESSION_KEY)))
        if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            continue
        workspace = workspaces.get((user.pk, claim.workspace_id))
        if workspace is not None:
            found[claim] = Access(workspace, user.pk, claim)
    return found


def _workspaces_of(
    users: Collection[User], workspace_ids: Collection[UUID]
) -> dict[tuple[int, UUID | None], Workspace]:
    """Those of these workspaces that a user is a member of, by (user, workspace)."""
    memberships = Membership.objects.unscoped().filter(user__in=users, workspace__workspace_id__in=workspace_ids)
    rows = memberships.select_related("workspace")
    return {(row.user_id, row.workspace.workspace_id): row.workspace for row in rows}


def token_in(scope: dict[str, Any]) -> str:
    """The token in the header or, as Pilot sends it, in the query string; "" if there is none."""
    for name, value in scope.get("headers", ()):
        if name == HEADER.encode() and value:
            return str(value.decode("latin1"))
    found = parse_qs(scope.get("query_string", b"").decode("latin1")).get(HEADER)
    return found[0] if found else ""
