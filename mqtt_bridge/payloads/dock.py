"""Payloads of a dock's requests. Protocol: "Get configuration", "Organization management"."""

from typing import Annotated

import msgspec

from mqtt_bridge.payloads.fields import NumberOrText, SerialNumber, Text

#: The documents speak of two (dock and aircraft).
MAX_DEVICES = 64


class Config(msgspec.Struct):
    config_type: Text
    config_scope: Text


class AskedDevice(msgspec.Struct):
    sn: SerialNumber


class BindStatus(msgspec.Struct):
    devices: Annotated[list[AskedDevice], msgspec.Meta(max_length=MAX_DEVICES)]


class OrganizationGet(msgspec.Struct):
    device_binding_code: Text
    organization_id: Text | int


class BindDevice(msgspec.Struct):
    sn: SerialNumber
    device_binding_code: Text
    organization_id: Text | int
    device_callsign: Text | None = None
    device_model_key: Text | None = None


class OrganizationBind(msgspec.Struct):
    bind_devices: Annotated[list[BindDevice], msgspec.Meta(min_length=1, max_length=MAX_DEVICES)]


class TopologySubDevice(msgspec.Struct):
    sn: SerialNumber
    domain: NumberOrText = None
    type: NumberOrText = None
    sub_type: NumberOrText = None
    index: NumberOrText = None
    thing_version: Text | None = None


class UpdateTopo(msgspec.Struct):
    domain: NumberOrText = None
    type: NumberOrText = None
    sub_type: NumberOrText = None
    thing_version: Text | None = None
    sub_devices: list[TopologySubDevice] = []
