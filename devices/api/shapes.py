"""Devices as the contract shows them: DeviceDTO for web clients, Topo for Pilot's situation awareness."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from devices.models import Device

NO_ICON = {"normal_icon_url": "", "selected_icon_url": ""}


def device(row: Device, children: Sequence[Device] = ()) -> dict[str, Any]:
    """A DeviceDTO; fields that are None are left out by the renderer."""
    shape: dict[str, Any] = {
        "device_sn": row.sn,
        "device_name": row.model_name,
        "workspace_id": str(row.workspace.workspace_id) if row.workspace else None,
        "workspace_name": row.workspace.name if row.workspace else None,
        "control_source": "",
        "device_desc": "",
        "domain": row.domain,
        "type": row.type,
        "sub_type": row.sub_type,
        "icon_url": NO_ICON,
        "status": row.online,
        "bound_status": row.workspace_id is not None,
        "login_time": local_time(row.last_seen_at),
        "bound_time": local_time(row.bound_at),
        "nickname": row.callsign or row.model_name or row.sn,
        "firmware_version": "",
        "firmware_status": 1,
        "thing_version": row.thing_version,
        "parent_sn": _gateway_sn(row),
        # Web clients call `children.payloads_list.forEach` without looking.
        "payloads_list": [],
    }
    if children:
        shape["child_device_sn"] = children[0].sn
        shape["children"] = device(children[0])
    return shape


def topo(row: Device) -> dict[str, Any]:
    """A Topo, with both spellings of the model key: the documents' strings and the demo's numbers."""
    domain, type_, sub_type = row.domain, row.type, row.sub_type or 0
    return {
        "sn": row.sn,
        "device_callsign": row.callsign or row.model_name or row.sn,
        "device_model": {
            "key": row.model_key,
            "device_model_key": row.model_key,
            "domain": "" if domain is None else str(domain),
            "type": "" if type_ is None else str(type_),
            "sub_type": str(sub_type),
        },
        "model": row.model_name,
        "online_status": row.online,
        "bound_status": row.workspace_id is not None,
        "user_id": "",
        "user_callsign": row.callsign,
        "icon_urls": NO_ICON,
        "gateway_sn": _gateway_sn(row),
        "domain": domain,
    }


def _gateway_sn(row: Device) -> str | None:
    """A gateway of another workspace is not named."""
    return row.gateway.sn if row.gateway and row.gateway.workspace_id == row.workspace_id else None


def by_gateway(rows: Iterable[Device]) -> dict[int, list[Device]]:
    behind: dict[int, list[Device]] = {}
    for row in rows:
        if row.gateway_id is not None:
            behind.setdefault(row.gateway_id, []).append(row)
    return behind


def local_time(at: datetime | None) -> str:
    """The contract's format, in the server's zone and without one; always a string, since clients sort by it."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S") if at is not None else ""
