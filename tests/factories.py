"""Organizations, gateways, codes and messages for tests, made the way the platform makes them."""

import itertools
import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from devices import heard, topology
from devices.models import Device
from devices.topology import Product, SubDevice, Topology
from mqtt_bridge import credentials, dispatch, message, topics
from mqtt_bridge.topics import Kind
from workspaces import services
from workspaces.models import AuditEntry, BindCode, Organization, Workspace

FRAMES = Path(__file__).parent / "fixtures" / "frames"
DOCK, AIRCRAFT = Product(3, 2, 0), Product(0, 91, 1)
_numbers = itertools.count(1)


class Clock:
    """Stands still until it is moved; Django's clock and the bridge's read it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: self.now)
        monkeypatch.setattr(heard, "now_ms", self.ms)

    def ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def forward(self, **how_long: float) -> datetime:
        self.now += timedelta(**how_long)
        return self.now


def make_workspace(organization: Organization | None = None) -> Workspace:
    """A workspace of the organization, else of a new one that has a DJI application."""
    if organization is not None:
        return services.create_workspace(organization=organization)
    workspace = services.create_organization(name=f"Organization {next(_numbers)}")
    Organization.objects.filter(pk=workspace.organization.pk).update(
        app_id="135792", app_key="the-app-key", app_license="the-app-licence", ntp_server_host="ntp.alpine.example"
    )
    workspace.organization.refresh_from_db()
    return workspace


def make_gateway(workspace: Workspace, sn: str = "", model_key: str = "3-2-0") -> str:
    """The SN of a gateway that has an MQTT account and is not bound."""
    sn = sn or f"DOCK{next(_numbers):04}"
    credentials.issue(sns=[sn], workspace=workspace, model_key=model_key)
    return sn


def make_code(workspace: Workspace, *, docks: int = 1, hours: float = 72) -> str:
    expires_at = timezone.now() + timedelta(hours=hours)
    return services.issue_bind_code(workspace=workspace, expires_at=expires_at, max_docks=docks).code


def make_bound(workspace: Workspace, *sns: str) -> None:
    """Devices that are in the workspace already; the first is a dock with an account, the others are aircraft."""
    gateway, *aircraft = sns
    make_gateway(workspace, gateway)
    answer = bind(gateway, make_code(workspace), workspace.organization, [gateway, *aircraft])
    assert set(answer.values()) == {0}


def device(sn: str) -> Device:
    return Device.objects.unscoped().select_related("workspace", "gateway").get(sn=sn)


def code_row(code: str) -> BindCode:
    row = services.find_bind_code(code)
    assert row is not None
    return row


def wrong_codes(gateway_sn: str | None = None) -> int:
    """How many were counted, of this gateway or of all."""
    found = AuditEntry.objects.filter(action="bind_code.wrong")
    return (found if gateway_sn is None else found.filter(gateway_sn=gateway_sn)).count()


# --- messages ---------------------------------------------------------------------------------------------------------
def payload(method: str, data: object, **envelope: object) -> bytes:
    ids = {"tid": str(uuid.uuid4()), "bid": str(uuid.uuid4()), "timestamp": heard.now_ms()}
    return json.dumps({**ids, "method": method, "data": data, **envelope}).encode()


def send(sn: str, method: str, data: object, *, kind: Kind = "requests", **envelope: object) -> dict[str, Any]:
    """`data` of the answer that a gateway gets."""
    read = message.read(kind, sn, payload(method, data, **envelope), heard.now_ms())
    return dispatch.answer(read)


def frame(name: str) -> tuple[Kind, dict[str, Any]]:
    """Topic kind and payload of a recorded frame."""
    read = json.loads((FRAMES / f"{name}.json").read_text())
    parsed = topics.parse(read["topic"].replace("{", "").replace("}", ""))
    assert parsed is not None
    return parsed.kind, read["payload"]


def bind_data(code: str, organization_id: object, sns: Sequence[str], **more: object) -> dict[str, Any]:
    named = {"device_binding_code": code, "organization_id": organization_id, **more}
    return {"bind_devices": [{"sn": sn, **named} for sn in sns]}


def bind(
    gateway: str, code: str, organization: Organization, sns: Sequence[str] = (), **envelope: Any
) -> dict[str, int]:
    """SN → err_code of a bind request, which names the gateway alone unless told otherwise."""
    data = bind_data(code, organization.organization_id, sns or [gateway])
    answer = send(gateway, "airport_organization_bind", data, **envelope)
    assert answer["result"] == 0, answer
    return {entry["sn"]: entry["err_code"] for entry in answer["output"]["err_infos"]}


def organization_get(gateway: str, code: str, organization_id: object, **envelope: Any) -> dict[str, Any]:
    data = {"device_binding_code": code, "organization_id": organization_id}
    return send(gateway, "airport_organization_get", data, **envelope)


def report_topology(
    gateway: str, *sns: str, timestamp: int | None = None, received_at: int | None = None, product: Product = DOCK
) -> bool:
    """Apply a topology in which the gateway names these aircraft; True if it was new."""
    at = heard.now_ms() if received_at is None else received_at
    named = [SubDevice(sn, AIRCRAFT, "A") for sn in sns]
    return topology.apply(Topology(gateway, product, named, timestamp, at), organization_pk=None)
