"""Locking out who guesses bind codes.

Five wrong codes in 15 minutes from a gateway lock it out for 15 minutes. Fifty in an hour lock the binding of the
whole organization for an hour, and its admins are told.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.translation import gettext as _

from workspaces import audit
from workspaces.models import BindAttempt, Membership, Organization
from workspaces.roles import Capability, roles_with

GATEWAY_LIMIT, GATEWAY_WINDOW = 5, timedelta(minutes=15)
GATEWAY_LOCK = timedelta(minutes=15)
ORGANIZATION_LIMIT, ORGANIZATION_WINDOW = 50, timedelta(hours=1)
ORGANIZATION_LOCK = timedelta(hours=1)


def is_locked(*, gateway_sn: str, organization: Organization, now: datetime) -> bool:
    """True while this gateway, or its whole organization, may not try a code."""
    if organization.binding_locked_until is not None and organization.binding_locked_until > now:
        return True
    recent = list(
        BindAttempt.objects.filter(gateway_sn=gateway_sn, at__gt=now - GATEWAY_LOCK - GATEWAY_WINDOW)
        .order_by("-at")
        .values_list("at", flat=True)
    )
    # Attempts are not recorded while locked, so each run of five within the window ends in one lock-out.
    return any(
        newest - oldest < GATEWAY_WINDOW and newest + GATEWAY_LOCK > now
        for newest, oldest in zip(recent, recent[GATEWAY_LIMIT - 1 :], strict=False)
    )


def record_wrong_code(*, gateway_sn: str, organization: Organization, now: datetime) -> None:
    """Count one wrong code of this gateway, in the caller's transaction; lock the organization if it was too many."""
    BindAttempt.objects.create(gateway_sn=gateway_sn, organization=organization, at=now)
    audit.record("bind_code.wrong", organization=organization, gateway_sn=gateway_sn)
    wrong_codes = BindAttempt.objects.filter(organization=organization, at__gt=now - ORGANIZATION_WINDOW).count()
    if wrong_codes < ORGANIZATION_LIMIT:
        return
    # The condition makes one of several concurrent wrong codes the one that locks and tells.
    locked = Organization.objects.filter(pk=organization.pk).exclude(binding_locked_until__gt=now).update(
        binding_locked_until=now + ORGANIZATION_LOCK
    )  # fmt: skip
    if locked:
        audit.record("organization.binding_locked", organization=organization, wrong_codes=wrong_codes)
        transaction.on_commit(lambda: _tell_admins(organization, wrong_codes), robust=True)


def prune(now: datetime) -> None:
    """Forget attempts that no rule looks at any more."""
    BindAttempt.objects.filter(at__lt=now - ORGANIZATION_WINDOW - ORGANIZATION_LOCK).delete()


def _tell_admins(organization: Organization, wrong_codes: int) -> None:
    addresses = (
        Membership.objects.unscoped()
        .filter(workspace__organization=organization, role__in=roles_with(Capability.ADMINISTER), user__is_active=True)
        .exclude(user__email="")
        .values_list("user__email", flat=True)
        .distinct()
    )
    send_mail(
        _("Binding is locked: %(organization)s") % {"organization": organization.name},
        _(
            "%(count)d wrong device binding codes arrived within an hour. No dock of the organization can bind for "
            "an hour. The audit trail says which gateways sent them; an administrator can end the lock earlier."
        )
        % {"count": wrong_codes},
        settings.DEFAULT_FROM_EMAIL,
        list(addresses),
    )
