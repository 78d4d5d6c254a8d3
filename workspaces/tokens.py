"""Access tokens: issuing, checking, ending.

A token is 256 random bits, shown once and stored as a SHA-256 hash (a fast hash is right for what nobody can guess).
Checking asks the tables each time whether everything that it rests on still holds, so logging out, a changed password,
a removed membership, a deactivated user and expiry end it at once, in every process.
"""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from workspaces.models import AccessToken, ClientKind, Membership, User, Workspace
from workspaces.models.token import AccessTokenQuerySet
from workspaces.roles import Capability, allows

#: What a role has to allow for logging in with this kind of client.
NEEDED: dict[ClientKind, Capability] = {
    ClientKind.WEB: Capability.USE_WEB_CLIENTS,
    ClientKind.PILOT: Capability.FLY,
}
#: An expired token is known for so long, for logging out with it, and so long the broker account of its log-in goes on:
#: nobody may be at the page when it expires, and Pilot connects again with what it was given for a day at least (J11).
GRACE = timedelta(days=1)


class LoggedOut(Exception):
    """The log-in that a token comes from has ended."""


def issue(*, user: User, workspace: Workspace, client: ClientKind, login_id: uuid.UUID | None = None) -> str:
    """A new token, of a log-in that goes on or of a new one. The caller has checked that the user may."""
    token = secrets.token_urlsafe(32)
    AccessToken.objects.create(
        token_hash=_hash(token),
        user=user,
        workspace=workspace,
        client=client,
        login_id=login_id or uuid.uuid4(),
        password_fingerprint=user.get_session_auth_hash(),
        expires_at=timezone.now() + timedelta(hours=settings.TOKEN_HOURS),
    )
    return token


def known() -> AccessTokenQuerySet:
    """Tokens that hold, and those that expired a short while ago. A log-in without any has ended for good: an expired
    token cannot be refreshed, and pruning takes none of these."""
    return AccessToken.objects.unscoped().filter(expires_at__gt=timezone.now() - GRACE)


def find_known(token: str) -> AccessToken | None:
    """The token's row, whether it still holds or not. For ending its log-in, and for nothing else."""
    return known().select_related("user").filter(token_hash=_hash(token)).first()


def check(token: str) -> AccessToken | None:
    """The token's row with user, workspace, organization and the user's present role; None if it does not hold."""
    return check_all([token]).get(token)


def check_all(given: Collection[str]) -> dict[str, AccessToken]:
    """The rows of those of these tokens that hold, in two queries."""
    by_hash = {_hash(token): token for token in given}
    rows = (
        AccessToken.objects.unscoped()
        .select_related("user", "workspace__organization")
        .filter(token_hash__in=by_hash, expires_at__gt=timezone.now(), user__is_active=True)
    )
    valid = [row for row in rows if constant_time_compare(row.password_fingerprint, row.user.get_session_auth_hash())]
    of_users = Membership.objects.unscoped().filter(user__in={row.user_id for row in valid}) if valid else ()
    roles = {(membership.user_id, membership.workspace_id): membership.role for membership in of_users}
    holding = {}
    for row in valid:
        role = roles.get((row.user_id, row.workspace_id))
        if role is not None and allows(role, NEEDED[ClientKind(row.client)]):
            row.role = role
            holding[by_hash[row.token_hash]] = row
    return holding


@contextmanager
def going_on(row: AccessToken) -> Iterator[None]:
    """A transaction in which the log-in of this token does not end: logging out waits, and ends what was made in here
    too. Raises LoggedOut if it has ended already."""
    with transaction.atomic():
        _wait_for_others(row)
        if not AccessToken.objects.unscoped().filter(login_id=row.login_id).exists():
            raise LoggedOut
        yield


@transaction.atomic
def revoke(row: AccessToken) -> None:
    """Log out: end the token, and those that it was refreshed from or to."""
    _wait_for_others(row)
    AccessToken.objects.unscoped().filter(login_id=row.login_id).delete()


def _wait_for_others(row: AccessToken) -> None:
    """Until the transaction ends, the user's log-ins are ours alone."""
    list(User.objects.select_for_update(no_key=True).filter(pk=row.user_id).values_list("pk"))


def prune() -> None:
    """Forget tokens that expired longer ago than matters to anything."""
    AccessToken.objects.unscoped().filter(expires_at__lte=timezone.now() - GRACE).delete()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
