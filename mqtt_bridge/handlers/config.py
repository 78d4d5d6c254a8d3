"""`config`: the DJI application and NTP server of the gateway's organization. Protocol: "Get configuration"."""

from typing import Any

from mqtt_bridge.context import Context, Refused
from mqtt_bridge.payloads.dock import Config
from mqtt_bridge.results import INVALID_PARAMETER


def config(context: Context, payload: Config) -> dict[str, Any]:
    """The reply is flat, without `result` and `output`; all are strings but the port."""
    organization = context.organization
    if (payload.config_type, payload.config_scope) != ("json", "product"):
        raise Refused(INVALID_PARAMETER, "unknown config_type or config_scope")
    return {
        "app_id": organization.app_id,
        "app_key": organization.app_key,
        "app_license": organization.app_license,
        "ntp_server_host": organization.ntp_server_host,
        "ntp_server_port": organization.ntp_server_port,
    }
