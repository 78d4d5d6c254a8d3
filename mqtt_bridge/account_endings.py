"""The ends of pilots' broker accounts: logging out, the log-in's age, leaving the workspace, never used."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from mqtt_bridge import broker_access
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from workspaces import tokens
from workspaces.models import Membership
from workspaces.roles import Capability, roles_with

UNUSED = timedelta(days=3)


def revoke(*, login_id: UUID) -> list[str]:
    """The pilot leaves the platform on this controller: the accounts of the log-in end. Returns their names, which the
    caller removes from the broker."""
    with transaction.atomic():
        ending = [
            *MqttCredential.objects.unscoped().filter(login_id=login_id),
            *UnpinnedCredential.objects.unscoped().filter(login_id=login_id),
        ]
        for account in ending:
            account.delete()
    return [account.username for account in ending]


def end_former_pilots() -> None:
    """End the accounts of users who are no longer active pilots of the workspace that they were made for, or who have
    another password since, and those whose log-in ended by its age, after a grace (`tokens.GRACE`)."""
    pilots = Membership.objects.unscoped().filter(role__in=roles_with(Capability.FLY), user__is_active=True)
    is_pilot = Exists(pilots.filter(user=OuterRef("pilot"), workspace=OuterRef("workspace")))
    still = is_pilot & Exists(tokens.known().filter(login_id=OuterRef("login_id")))
    ending: list[MqttCredential | UnpinnedCredential] = [
        *MqttCredential.objects.unscoped().filter(~still, pilot__isnull=False),
        *UnpinnedCredential.objects.unscoped().filter(~still),
        *filter(_has_another_password, MqttCredential.objects.unscoped().filter(still).select_related("pilot")),
        *filter(_has_another_password, UnpinnedCredential.objects.unscoped().filter(still).select_related("pilot")),
    ]
    broker_access.remove([account.username for account in ending])
    for account in ending:
        account.delete()


def _has_another_password(account: MqttCredential | UnpinnedCredential) -> bool:
    then, pilot = account.password_fingerprint, account.pilot
    return bool(then) and pilot is not None and not constant_time_compare(then, pilot.get_session_auth_hash())


def prune() -> None:
    """End unpinned accounts that nobody has used for days: Pilot keeps what it was given for a day at least (J11)."""
    old = UnpinnedCredential.objects.unscoped().filter(created_at__lt=timezone.now() - UNUSED)
    usernames = list(old.values_list("username", flat=True))
    broker_access.remove(usernames)
    old.filter(username__in=usernames).delete()
