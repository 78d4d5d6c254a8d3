"""The end of a certificate: on the revocation list, and at the broker at once.

Mosquitto reads the list when it gets SIGHUP and looks at it when somebody connects; the session that is open ends
because its account does.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction

from mqtt_bridge import broker_access, credentials
from mqtt_bridge.device_ca import files, issuing
from mqtt_bridge.device_ca.authority import CertificateError
from mqtt_bridge.models import DeviceCertificate, MqttCredential


class Ended(NamedTuple):
    #: The broker has been told to read the list; else somebody has to.
    is_reloading: bool
    #: What did not work, "" if nothing.
    problem: str


def named(which: str) -> list[DeviceCertificate]:
    """The certificate with this serial number, or all of the gateway with this SN that are not revoked yet.

    Raises CertificateError if there is none.
    """
    rows = DeviceCertificate.objects.select_related("organization")
    found = list(rows.filter(serial=which.upper())) or list(rows.filter(gateway_sn=which, revoked_at__isnull=True))
    if not found:
        raise CertificateError(f"There is no certificate {which}, and none of a gateway {which} that is not revoked.")
    return found


def revoke(rows: Sequence[DeviceCertificate], *, keep_account: bool = False) -> Ended:
    """Revoke these, write the list, and end the gateways' accounts with their sessions.

    Args:
        keep_account: the gateway has another certificate with the same name. Its session ends once and its password
            changes; until the broker has read the list, the revoked certificate can come back.

    Raises CertificateError or OSError, and then nothing has changed.
    """
    sns = sorted({row.gateway_sn for row in rows})
    with transaction.atomic():
        for row in rows:
            issuing.revoke(row)
        own = list(MqttCredential.objects.unscoped().filter(username__in=sns).select_related("workspace__organization"))
        usernames = [credential.username for credential in own]
        for credential in own:
            (credentials.rotate if keep_account else credentials.remove)(credential=credential)
        issuing.write_revocation_list()
    is_reloading = files.reload_own_broker()  # before the sessions end, for those that come back at once
    try:
        broker_access.put(own) if keep_account else broker_access.remove(usernames)
    except broker_access.BrokerUnreachable as error:
        return Ended(is_reloading, f"{error} It takes the change when it is started again.")
    except broker_access.BrokerAccessError as error:
        return Ended(is_reloading, f"The broker did not take the change: {error}")
    return Ended(is_reloading, "")
