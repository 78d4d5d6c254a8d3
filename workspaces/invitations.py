"""New members, and links with which members choose their password. Nobody else ever knows it."""

from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from workspaces import audit
from workspaces.models import Membership, Organization, User, Workspace
from workspaces.scoping import manages_account


class _TokensOf(PasswordResetTokenGenerator):
    """Of one maker, by primary key; "" for links that a command has made."""

    key_salt = "workspaces.invitations.LinkTokens"

    def __init__(self, maker: str) -> None:
        super().__init__()
        self._maker = maker

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        memberships = Membership.objects.for_user(user).filter(user=user)
        organizations = sorted(set(memberships.values_list("workspace__organization", flat=True)))
        return f"{super()._make_hash_value(user, timestamp)}{user.is_superuser}{organizations}by {self._maker}"


class LinkTokens:
    """A link ends when it is used, when the user logs in anywhere, after three days, when the user joins another
    organization or becomes a superuser, and when whoever made it may not manage the account any more. So the token
    begins with its maker: `<maker>.<Django's token>`."""

    def make_token(self, user: User, *, by: User | None) -> str:
        maker = str(by.pk) if by is not None else ""
        return f"{maker}.{_TokensOf(maker).make_token(user)}"

    def check_token(self, user: User | None, token: str | None) -> bool:
        if user is None:
            return False
        maker, _dot, rest = (token or "").partition(".")
        # First the signature, which says that the maker's key is one.
        if not _TokensOf(maker).check_token(user, rest):
            return False
        return not maker or manages_account(User.objects.filter(pk=maker).first(), user)


link_tokens = LinkTokens()


@transaction.atomic
def invite(member: User, *, workspace: Workspace, role: str, user: User | None) -> None:
    """Save a new user, without a password, as a member of the workspace."""
    member.set_unusable_password()
    member.save()
    Membership.objects.create(user=member, workspace=workspace, role=role)
    audit.record("member.invited", target=member.username, workspace=workspace, user=user, role=str(role))


def link(member: User, *, by: User | None) -> str:
    """Where the member chooses a password. It is as good as the password: show it once."""
    uid = urlsafe_base64_encode(force_bytes(member.pk))
    path = reverse("choose_password", kwargs={"uidb64": uid, "token": link_tokens.make_token(member, by=by)})
    return f"{settings.PUBLIC_URL}{path}"


def record_password(user: User) -> None:
    """The user has chosen a password: every organization that lets the user in reads it in its trail."""
    organizations = Organization.objects.filter(workspaces__memberships__user=user).distinct()
    owners: list[Organization | None] = [*organizations]
    for organization in owners or [None]:
        audit.record("user.password_set", target=user.username, organization=organization, user=user)


def record_link(member: User, *, organization: Organization | None, by: User | None) -> None:
    audit.record("user.password_link", target=member.username, organization=organization, user=by)
