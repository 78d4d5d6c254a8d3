"""Shapes of devices in answers, for the OpenAPI schema. Fields that are not `required` are left out when unknown."""

from rest_framework import serializers

from workspaces.api.schemas import PaginationSchema


class IconSchema(serializers.Serializer[object]):
    normal_icon_url = serializers.CharField()
    selected_icon_url = serializers.CharField()


class DeviceFields(serializers.Serializer[object]):
    device_sn = serializers.CharField()
    device_name = serializers.CharField(help_text="Name of the model.")
    workspace_id = serializers.UUIDField()
    workspace_name = serializers.CharField()
    control_source = serializers.CharField()
    device_desc = serializers.CharField()
    child_device_sn = serializers.CharField(required=False)
    domain = serializers.IntegerField(required=False, help_text="0 aircraft, 1 payload, 2 controller, 3 dock")
    type = serializers.IntegerField(required=False)
    sub_type = serializers.IntegerField(required=False)
    icon_url = IconSchema()
    status = serializers.BooleanField(help_text="Whether it is online.")
    bound_status = serializers.BooleanField()
    login_time = serializers.CharField()
    bound_time = serializers.CharField()
    nickname = serializers.CharField()
    firmware_version = serializers.CharField()
    firmware_status = serializers.IntegerField()
    thing_version = serializers.CharField()
    parent_sn = serializers.CharField(required=False)
    payloads_list = serializers.ListField(child=serializers.DictField())


class ChildSchema(DeviceFields):
    """The aircraft behind a gateway."""


class DeviceSchema(DeviceFields):
    children = ChildSchema(required=False)


class DevicePageSchema(serializers.Serializer[object]):
    list = DeviceSchema(many=True)
    pagination = PaginationSchema()


class ModelSchema(serializers.Serializer[object]):
    key = serializers.CharField()
    device_model_key = serializers.CharField()
    domain = serializers.CharField()
    type = serializers.CharField()
    sub_type = serializers.CharField()


class TopoSchema(serializers.Serializer[object]):
    sn = serializers.CharField()
    device_callsign = serializers.CharField()
    device_model = ModelSchema()
    model = serializers.CharField()
    online_status = serializers.BooleanField()
    bound_status = serializers.BooleanField()
    user_id = serializers.CharField()
    user_callsign = serializers.CharField()
    icon_urls = IconSchema()
    gateway_sn = serializers.CharField(required=False)
    domain = serializers.IntegerField(required=False)


class PairSchema(serializers.Serializer[object]):
    hosts = TopoSchema(many=True, help_text="Aircraft.")
    parents = TopoSchema(many=True, help_text="Their gateway.")


class TopologySchema(serializers.Serializer[object]):
    list = PairSchema(many=True)


class RenameSchema(serializers.Serializer[object]):
    nickname = serializers.CharField(max_length=100)
