"""Broker accounts of gateways: issuing, rotating, removing. The caller pushes them to the broker after the commit."""

from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from devices import products
from devices.models import Device
from devices.sn import is_sn
from mqtt_bridge import reserved
from mqtt_bridge.models import DeviceCertificate, MqttCredential, new_seed
from workspaces import audit
from workspaces.models import User, Workspace


@transaction.atomic
def issue(
    *,
    sns: Sequence[str],
    workspace: Workspace,
    model_key: str = "",
    user: User | None = None,
    only_new: bool = False,
) -> list[MqttCredential]:
    """An account for each gateway, in this order; a gateway that has one gets a new password, or with `only_new` is
    refused.

    The gateways become known as unclaimed devices of the given model (a dock's or controller's); nothing is bound.
    Raises ValidationError with a sentence per refused SN, and then nothing changes.
    """
    unique = list(dict.fromkeys(sns))
    columns = model_columns(model_key)
    problems = refusals(sns=unique, workspace=workspace)
    if problems:
        raise ValidationError(problems)
    # Requests of these gateways lock the account, then the device, too.
    accounts = MqttCredential.objects.unscoped().filter(gateway_sn__in=unique).order_by("gateway_sn")
    list(accounts.select_for_update().values_list("pk"))
    Device.objects.bulk_create([Device(sn=sn) for sn in unique], ignore_conflicts=True)
    if columns:
        Device.objects.unscoped().filter(sn__in=unique).update(**columns)
    return [_issue_one(sn, workspace, user, only_new) for sn in unique]


def refusals(*, sns: Sequence[str], workspace: Workspace) -> list[str]:
    """Why these gateways cannot get an account for the workspace: one sentence per refused SN."""
    problems = [_("%(sn)s is no serial number.") % {"sn": repr(sn[:80])} for sn in sns if not is_sn(sn)]
    problems += [
        _("%(sn)s is the name of the server's own account.") % {"sn": sn}
        for sn in sns
        if sn == settings.MQTT_USERNAME or sn.startswith(reserved.PREFIXES)
    ]
    elsewhere = Q(workspace__isnull=False) & ~Q(workspace__organization=workspace.organization_id)
    bound = Device.objects.unscoped().filter(elsewhere, sn__in=sns).values_list("sn", flat=True)
    problems += [_("%(sn)s is bound to another organization.") % {"sn": sn} for sn in bound]
    issued = MqttCredential.objects.unscoped().filter(elsewhere, gateway_sn__in=sns)
    problems += [_foreign(sn) for sn in issued.values_list("gateway_sn", flat=True)]
    # A certificate names an account: who has one of before would have the new account, too.
    valid = DeviceCertificate.objects.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())
    others = valid.exclude(organization=workspace.organization_id).filter(gateway_sn__in=sns)
    certified = sorted(set(others.values_list("gateway_sn", flat=True)))
    sentence = _("%(sn)s has a client certificate of another organization, which the platform has to revoke first.")
    return problems + [sentence % {"sn": sn} for sn in certified]


def model_columns(model_key: str) -> dict[str, int]:
    """A device row's columns for a model key such as "3-2-0", known or not. Raises ValidationError."""
    if not model_key:
        return {}
    parts = products.parse_model_key(model_key)
    if parts is None:
        raise ValidationError(
            _('"%(model)s" is no model key: it has to be three numbers such as 3-2-0.') % {"model": model_key}
        )
    if products.kind(parts[0]) in {"aircraft", "payload"}:
        raise ValidationError(_("%(model)s is no gateway: docks are 3-…, controllers 2-….") % {"model": model_key})
    return dict(zip(("domain", "type", "sub_type"), parts, strict=True))


@transaction.atomic
def rotate(*, credential: MqttCredential, user: User | None = None) -> None:
    """Give the account a new password; the old one ends."""
    credential.seed = new_seed()
    credential.save(update_fields=["seed"])
    _record("mqtt_credential.rotated", credential, user)


@transaction.atomic
def remove(*, credential: MqttCredential, user: User | None = None) -> None:
    """Delete the account. The gateway stays known, and bound if it is."""
    _record("mqtt_credential.removed", credential, user)
    credential.delete()


def _issue_one(sn: str, workspace: Workspace, user: User | None, only_new: bool) -> MqttCredential:
    existing = MqttCredential.objects.unscoped().filter(gateway_sn=sn).select_for_update().first()
    if existing is not None:
        if existing.workspace.organization_id != workspace.organization_id:  # issued since we looked
            raise ValidationError(_foreign(sn))
        if only_new:
            raise ValidationError(_("%(sn)s has been added already, and keeps its password.") % {"sn": sn})
        existing.workspace = workspace
        existing.created_at = timezone.now()  # what was released before is the organization's again
        existing.pilot = existing.login_id = None  # it ends with no pilot's log-in
        existing.password_fingerprint = ""
        existing.save(update_fields=["workspace", "created_at", "pilot", "login_id", "password_fingerprint"])
        rotate(credential=existing, user=user)
        return existing
    try:
        with transaction.atomic():
            created = MqttCredential.objects.create(username=sn, gateway_sn=sn, workspace=workspace, created_by=user)
    except IntegrityError:  # issued since we looked, perhaps by another organization
        raise ValidationError(_("%(sn)s was just given an MQTT account.") % {"sn": sn}) from None
    _record("mqtt_credential.issued", created, user)
    return created


def _foreign(sn: str) -> str:
    return _("%(sn)s has an MQTT account of another organization.") % {"sn": sn}


def _record(action: str, credential: MqttCredential, user: User | None) -> None:
    audit.record(
        action,
        target=credential.username,
        workspace=credential.workspace,
        user=user,
        gateway_sn=credential.gateway_sn,
    )
