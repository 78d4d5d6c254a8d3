"""Binding a controller by its pilot's page."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cloudapi.dji.envelope import BusinessError
from devices.sn import is_sn
from mqtt_bridge import controllers
from mqtt_bridge.take_over import Refused
from workspaces.api.auth import log_in_of, require
from workspaces.roles import Capability


class BindDevice(APIView):
    @extend_schema(request=None, responses={200: str})
    def post(self, request: Request, sn: str) -> Response:
        """Let a device join the token's workspace; what the body says of user and workspace is not looked at.

        Code -1 while the device is not online: pages try again every 2 s until its topology has arrived.
        """
        require(request, Capability.ADD_CONTROLLERS)
        if not is_sn(sn):
            raise BusinessError("This is no serial number.")
        try:
            with log_in_of(request) as row:
                controllers.bind(sn=sn, workspace=row.workspace, user=row.user, login_id=row.login_id)
        except Refused as refusal:
            raise BusinessError(str(refusal), refusal.code) from refusal
        return Response("")
