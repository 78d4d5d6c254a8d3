"""Shapes of requests and answers, for parsing what comes in and for the OpenAPI schema."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

PAGE = [
    OpenApiParameter("page", int, description="Page number, from 1."),
    OpenApiParameter("page_size", int, description="Rows a page, 50 by default, 500 at most."),
]


class PaginationSchema(serializers.Serializer[object]):
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    total = serializers.IntegerField()


class WorkspaceSchema(serializers.Serializer[object]):
    id = serializers.IntegerField()
    workspace_id = serializers.UUIDField()
    workspace_name = serializers.CharField()
    workspace_desc = serializers.CharField()
    platform_name = serializers.CharField()
    bind_code = serializers.CharField()


class WorkspaceChoiceSchema(serializers.Serializer[object]):
    workspace_id = serializers.UUIDField()
    workspace_name = serializers.CharField()


class MemberSchema(serializers.Serializer[object]):
    user_id = serializers.UUIDField()
    username = serializers.CharField()
    workspace_name = serializers.CharField()
    user_type = serializers.ChoiceField(choices=["Web", "Pilot"])
    mqtt_username = serializers.CharField()
    mqtt_password = serializers.CharField()
    create_time = serializers.CharField()


class MemberPageSchema(serializers.Serializer[object]):
    list = MemberSchema(many=True)
    pagination = PaginationSchema()


class LoginSchema(serializers.Serializer[object]):
    username = serializers.CharField(max_length=150, trim_whitespace=False)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)
    flag = serializers.ChoiceField(choices=[1, 2], help_text="1 web, 2 Pilot")
    workspace_id = serializers.CharField(required=False, allow_blank=True, max_length=64)


class SwitchSchema(serializers.Serializer[object]):
    workspace_id = serializers.CharField(required=False, allow_blank=True, max_length=64)


class CurrentUserSchema(serializers.Serializer[object]):
    user_id = serializers.UUIDField()
    username = serializers.CharField()
    workspace_id = serializers.UUIDField()
    user_type = serializers.IntegerField(help_text="1 web, 2 Pilot")
    mqtt_username = serializers.CharField()
    mqtt_password = serializers.CharField()
    mqtt_addr = serializers.CharField()


class LoggedInSchema(CurrentUserSchema):
    access_token = serializers.CharField()
    workspaces = WorkspaceChoiceSchema(many=True)


class ControllerSchema(serializers.Serializer[object]):
    gateway_sn = serializers.CharField(max_length=64)


class ControllerAccountSchema(serializers.Serializer[object]):
    mqtt_addr = serializers.CharField()
    mqtt_username = serializers.CharField()
    mqtt_password = serializers.CharField()


class LicenseSchema(serializers.Serializer[object]):
    app_id = serializers.CharField()
    app_key = serializers.CharField()
    license = serializers.CharField()
