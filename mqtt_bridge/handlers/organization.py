"""Binding of a dock and its aircraft to an organization. Protocol: "Organization management"."""

from typing import Any

from devices import bind_claims, binding
from devices.bind_claims import CodeRefused
from devices.models import Device
from mqtt_bridge import refusals
from mqtt_bridge.context import Context
from mqtt_bridge.models import MqttCredential
from mqtt_bridge.payloads.dock import BindStatus, OrganizationBind, OrganizationGet
from mqtt_bridge.payloads.fields import clean
from mqtt_bridge.results import BIND_FAILED, BOUND_TO_ANOTHER_ORGANIZATION, OK, ORGANIZATION_GET_FAILED


def bind_status(context: Context, payload: BindStatus) -> dict[str, Any]:
    """Who is bound: one entry per asked SN, in the asked order. Of another organization only that, no names."""
    sns = [asked.sn for asked in payload.devices]
    rows = Device.objects.unscoped().filter(sn__in=sns, workspace__isnull=False).order_by()
    columns = rows.values_list(
        "sn", "workspace__organization_id",
        "workspace__organization__organization_id", "workspace__organization__name", "callsign",
    )  # fmt: skip
    bound = {
        sn: _status(sn, *(texts if owner == context.tenant_pk else ()), is_bound=True) for sn, owner, *texts in columns
    }
    return {"result": OK, "output": {"bind_status": [bound.get(sn) or _status(sn) for sn in sns]}}


def _status(
    sn: str, organization_id: str = "", organization_name: str = "", callsign: str = "", *, is_bound: bool = False
) -> dict[str, Any]:
    return {
        "sn": sn,
        "is_device_bind_organization": is_bound,
        "organization_id": organization_id,
        "organization_name": organization_name,
        "device_callsign": callsign,
    }


def organization_get(context: Context, payload: OrganizationGet) -> dict[str, Any]:
    """The organization's name, for who has a code that fits it."""
    claim = _claim(context, payload.device_binding_code, str(payload.organization_id))
    try:
        code = bind_claims.look_up(claim)
    except CodeRefused:
        return {"result": ORGANIZATION_GET_FAILED}
    return {"result": OK, "output": {"organization_name": code.workspace.organization.name}}


def organization_bind(context: Context, payload: OrganizationBind) -> dict[str, Any]:
    """Bind all named devices or none: one `err_code` per SN, in the asked order; `result` stays 0 (B5)."""
    devices = payload.bind_devices
    sns = [device.sn for device in devices]
    codes = {(device.device_binding_code, str(device.organization_id)) for device in devices}
    code, organization_id = codes.pop() if len(codes) == 1 else ("", "")
    candidates = [
        binding.Candidate(
            sn=device.sn,
            callsign=clean(device.device_callsign or "", 100),
            model_key=device.device_model_key or "",
        )
        for device in devices
    ]
    claim = _claim(context, code, organization_id)
    errors = dict.fromkeys(sns, OK)
    try:
        binding.bind(claim, candidates, accounts=_accounts(sns))
    except CodeRefused:
        errors = dict.fromkeys(sns, BIND_FAILED)
    except binding.BoundElsewhere as refusal:
        errors = dict.fromkeys(sns, BIND_FAILED) | dict.fromkeys(refusal.sns, BOUND_TO_ANOTHER_ORGANIZATION)
        reason = "belongs to another organization"
        refusals.record(context, "device.bind_refused", "foreign", target=str(refusal), reason=reason)
    return {"result": OK, "output": {"err_infos": [{"sn": sn, "err_code": errors[sn]} for sn in sns]}}


def _claim(context: Context, code: str, organization_id: str) -> bind_claims.Claim:
    return bind_claims.Claim(
        gateway_sn=context.gateway_sn, organization=context.organization, code=code, organization_id=organization_id
    )


def _accounts(sns: list[str]) -> dict[str, int]:
    """SN → organization of its broker account, for those that have one."""
    accounts = MqttCredential.objects.unscoped().filter(gateway_sn__in=sns)
    return {account.gateway_sn: account.workspace.organization_id for account in accounts.select_related("workspace")}
