"""The device CA: certificates for gateways."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from mqtt_bridge.device_ca import ending, files, issuing
from mqtt_bridge.device_ca.authority import CertificateError
from mqtt_bridge.models import DeviceCertificate
from workspaces.management.output import ResultCommand

RELOAD = (
    "The broker has to read the revocation list: send Mosquitto SIGHUP (`systemctl reload mosquitto`, or "
    "`docker-compose … kill -s HUP mosquitto`)."
)


class Command(ResultCommand):
    help = "Issues and revokes the client certificates of gateways (MQTT_CLIENT_AUTH_PORT)."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        init = actions.add_parser("init", help="make the authority; nothing happens if there is one")
        issue = actions.add_parser("issue", help="a certificate for a gateway that has an MQTT account")
        issue.add_argument("sn", metavar="SN")
        issue.add_argument("--days", type=int, default=365, help="how long it is valid, default %(default)s")
        issue.add_argument("--csr", type=Path, metavar="FILE", help="the gateway's own request; else a key is made")
        issue.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
        revoke = actions.add_parser("revoke", help="end a certificate, or all of a gateway, and its MQTT account")
        revoke.add_argument("which", metavar="SERIAL|SN")
        revoke.add_argument("--keep-account", action="store_true", help="the gateway has another certificate already")
        crl = actions.add_parser("crl", help="write the revocation list anew")
        listing = actions.add_parser("list", help="all certificates that were issued")
        for action in (init, issue, revoke, crl, listing):
            action.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def result(self, *, action: str, **options: Any) -> dict[str, Any]:
        try:
            return getattr(self, f"_{action}")(**options)  # type: ignore[no-any-return]
        except (CertificateError, OSError) as error:
            raise CommandError(str(error)) from error

    def _init(self, **_options: Any) -> dict[str, Any]:
        is_new = issuing.initialize()
        return {"created": is_new, "certificate": str(files.certificate()), "key": str(files.key())}

    def _issue(self, *, sn: str, days: int, csr: Path | None, out: Path, **_options: Any) -> dict[str, Any]:
        if not 1 <= days <= 3650:
            raise CertificateError(f"--days is {days}, but must be from 1 to 3650.")
        issued = issuing.issue(sn=sn, days=days, request=csr.read_bytes() if csr else None)
        certificate, key = out / f"{sn}.pem", out / f"{sn}.key"
        if issued.key is not None:
            files.write(key, issued.key, mode=0o600)
        files.write(certificate, issued.certificate, mode=0o644)
        port = settings.MQTT_CLIENT_AUTH_PORT
        return {
            **_row(issued.row),
            "certificate": str(certificate),
            "key": str(key) if issued.key is not None else None,
            "gateway_address": f"ssl://{settings.MQTT_PUBLIC_HOST}:{port}" if port else None,
        }

    def _revoke(self, *, which: str, keep_account: bool, **_options: Any) -> dict[str, Any]:
        rows = ending.named(which)
        ended = ending.revoke(rows, keep_account=keep_account)
        for sentence in (ended.problem, "" if ended.is_reloading else RELOAD):
            if sentence:
                self.stderr.write(sentence)
        return {"certificates": [_row(row) for row in rows], "broker_reloaded": ended.is_reloading}

    def _crl(self, **_options: Any) -> dict[str, Any]:
        return {
            "revoked": issuing.write_revocation_list(),
            "file": str(files.crl()),
            "broker_reloaded": files.reload_own_broker(),
        }

    def _list(self, **_options: Any) -> dict[str, Any]:
        return {"certificates": [_row(row) for row in DeviceCertificate.objects.select_related("organization")]}


def _row(row: DeviceCertificate) -> dict[str, Any]:
    return {
        "sn": row.gateway_sn,
        "serial": row.serial,
        "organization": row.organization.name,
        "expires_at": timezone.localtime(row.expires_at).isoformat(),
        "revoked_at": timezone.localtime(row.revoked_at).isoformat() if row.revoked_at else None,
        "state": "revoked" if row.revoked_at else "expired" if row.expires_at <= timezone.now() else "valid",
    }
