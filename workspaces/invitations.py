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


class LinkTokens(PasswordResetTokenGenerator):
    """A link ends when it is used, when the user logs in, after three days, and when the user joins another
    organization or becomes a superuser: whoever made it does not manage the account any more then."""

    key_salt = "workspaces.invitations.LinkTokens"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        memberships = Membership.objects.for_user(user).filter(user=user)
        organizations = sorted(set(memberships.values_list("workspace__organization", flat=True)))
        return f"{super()._make_hash_value(user, timestamp)}{user.is_superuser}{organizations}"


link_tokens = LinkTokens()


@transaction.atomic
def invite(member: User, *, workspace: Workspace, role: str, user: User | None) -> None:
    """Save a new user, without a password, as a member of the workspace."""
    member.set_unusable_password()
    member.save()
    Membership.objects.create(user=member, workspace=workspace, role=role)
    audit.record("member.invited", target=member.username, workspace=workspace, user=user, role=str(role))


def link(member: User) -> str:
    """Where the member chooses a password. It is as good as the password: show it once."""
    uid = urlsafe_base64_encode(force_bytes(member.pk))
    path = reverse("choose_password", kwargs={"uidb64": uid, "token": link_tokens.make_token(member)})
    return f"{settings.PUBLIC_URL}{path}"


def record_link(member: User, *, organization: Organization | None, by: User | None) -> None:
    audit.record("user.password_link", target=member.username, organization=organization, user=by)
