"""`config`: the DJI application and NTP server of the gateway's organization. Protocol: "Get configuration"."""

import logging
from typing import Any

from cloudapi.encryption import Unreadable
from mqtt_bridge.context import Context, Refused
from mqtt_bridge.payloads.dock import Config
from mqtt_bridge.results import INTERNAL_ERROR, INVALID_PARAMETER

log = logging.getLogger(__name__)


def config(context: Context, payload: Config) -> dict[str, Any]:
    """The reply is flat, without `result` and `output`; all are strings but the port."""
    organization = context.organization
    if (payload.config_type, payload.config_scope) != ("json", "product"):
        raise Refused(INVALID_PARAMETER, "unknown config_type or config_scope")
    try:
        app_key, app_license = organization.app_key, organization.app_license
    except Unreadable as error:
        log.error("The DJI application of organization %s: %s", organization.organization_id, error)
        raise Refused(INTERNAL_ERROR, str(error)) from error
    return {
        "app_id": organization.app_id,
        "app_key": app_key,
        "app_license": app_license,
        "ntp_server_host": organization.ntp_server_host,
        "ntp_server_port": organization.ntp_server_port,
    }
