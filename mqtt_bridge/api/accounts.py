"""Log-in, log-out, the current user and their controller's broker account."""

import logging
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cloudapi.dji.envelope import FAILED, TOO_MANY, BusinessError
from cloudapi.encryption import Unreadable
from mqtt_bridge import account_endings, broker_access, controllers, tasks
from mqtt_bridge.take_over import Refused
from workspaces import login, login_throttle, tokens
from workspaces.api import schemas
from workspaces.api.auth import TokenAuthentication, log_in_of, require, token_of
from workspaces.models import AccessToken, ClientKind
from workspaces.roles import Capability

log = logging.getLogger(__name__)

FLAGS = {1: ClientKind.WEB, 2: ClientKind.PILOT}


class Login(APIView):
    # Clients send whatever they have stored, also `x-auth-token: null`.
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=schemas.LoginSchema, responses=schemas.LoggedInSchema)
    def post(self, request: Request) -> Response:
        """Log in. A wrong password is HTTP 200 with code 401, so that Pilot does not log out of the cloud."""
        asked = schemas.LoginSchema(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        try:
            result = login.log_in(
                request._request,
                username=values["username"],
                password=values["password"],
                client=FLAGS[values["flag"]],
                workspace_id=values.get("workspace_id"),
            )
        except login.Refused as refusal:
            raise BusinessError(str(refusal), code=401) from refusal
        except login.UnknownWorkspace as refusal:
            raise BusinessError(str(refusal), code=401) from refusal
        except login.WrongKind as refusal:
            raise BusinessError(str(refusal), code=FAILED) from refusal
        except login_throttle.Throttled as refusal:
            raise BusinessError("Too many failed log-ins. Try again in 15 minutes.", code=TOO_MANY) from refusal
        return Response(_logged_in(result))


class RefreshToken(APIView):
    @extend_schema(request=schemas.SwitchSchema, responses=schemas.LoggedInSchema)
    def post(self, request: Request) -> Response:
        """A new token while the old one is valid, for the same workspace or another one of the user's."""
        asked = schemas.SwitchSchema(data=request.data)
        asked.is_valid(raise_exception=True)
        with log_in_of(request) as old:
            workspace_id = asked.validated_data.get("workspace_id") or str(old.workspace.workspace_id)
            try:
                result = login.enter(
                    old.user, client=ClientKind(old.client), workspace_id=workspace_id, login_id=old.login_id
                )
            except (login.WrongKind, login.UnknownWorkspace) as refusal:
                raise BusinessError(str(refusal), code=401) from refusal
            return Response(_logged_in(result))


class Logout(APIView):
    def get_authenticators(self) -> list[BaseAuthentication]:
        """Whoever has a token may end its log-in, also when it has expired or its user may no longer use it: the
        controller's broker account outlives the token for a while."""
        return [TokenAuthentication(tokens.find_known)]

    @extend_schema(request=None, responses={200: str})
    def post(self, request: Request) -> Response:
        """End the log-in: its tokens, and the broker account of the controller that the pilot logged in on. A token
        that expired less than a day ago will do."""
        row = token_of(request)
        with transaction.atomic():
            tokens.revoke(row)
            ending = account_endings.revoke(login_id=row.login_id)
        try:
            broker_access.remove(ending)
        except broker_access.BrokerAccessError as error:
            log.warning("The broker could not be told of a log-out yet: %s", error)
            tasks.remove_accounts.delay(ending)
        return Response("")


class CurrentUser(APIView):
    @extend_schema(responses=schemas.CurrentUserSchema)
    def get(self, request: Request) -> Response:
        """Who the token is for, with a broker account for pages that do not name their controller."""
        with log_in_of(request) as row:
            return Response(_user(row))


class ControllerAccount(APIView):
    @extend_schema(request=schemas.ControllerSchema, responses=schemas.ControllerAccountSchema)
    def post(self, request: Request) -> Response:
        """The broker account of the controller that the page runs on; an earlier one of it ends."""
        require(request, Capability.FLY)
        asked = schemas.ControllerSchema(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            with log_in_of(request) as row:
                credential = controllers.issue(
                    gateway_sn=asked.validated_data["gateway_sn"],
                    workspace=row.workspace,
                    user=row.user,
                    login_id=row.login_id,
                )
        except Refused as refusal:
            raise BusinessError(str(refusal), refusal.code) from refusal
        except broker_access.BrokerAccessError as error:
            log.warning("No broker account could be made: %s", error)
            raise BusinessError("The MQTT broker does not answer. Try again in a moment.") from error
        return Response(
            {
                "mqtt_addr": controllers.address(),
                "mqtt_username": credential.username,
                "mqtt_password": credential.password,
            }
        )


class License(APIView):
    @extend_schema(responses=schemas.LicenseSchema)
    def get(self, request: Request) -> Response:
        """The DJI application of the pilot's organization, for `platformVerifyLicense`. Only with a token (J11)."""
        require(request, Capability.FLY)
        organization = token_of(request).workspace.organization
        try:
            app_key, app_license = organization.app_key, organization.app_license
        except Unreadable as error:
            log.error("The DJI application of %s cannot be given out: %s", organization.organization_id, error)
            raise BusinessError("The platform cannot read the DJI application. Tell its administrator.") from error
        if not (organization.app_id and app_key and app_license):
            raise BusinessError(
                "The organization has no DJI application yet. Ask an administrator to enter App ID, key and licence."
            )
        return Response({"app_id": organization.app_id, "app_key": app_key, "license": app_license})


def _logged_in(result: login.LogIn) -> dict[str, Any]:
    row = tokens.check(result.token)
    if row is None:
        raise BusinessError("The account was changed during the log-in. Try again.", code=401)
    return _user(row) | {
        "access_token": result.token,
        "workspaces": [
            {"workspace_id": str(workspace.workspace_id), "workspace_name": workspace.name}
            for workspace in result.workspaces
        ],
    }


def _user(row: AccessToken) -> dict[str, Any]:
    """A UserDTO without token. Only Pilot gets a broker account: browsers never do."""
    username = password = ""
    if row.client == ClientKind.PILOT:
        try:
            account = controllers.unnamed(workspace=row.workspace, user=row.user, login_id=row.login_id)
            if account is not None:
                username, password = account.username, account.password
        except broker_access.BrokerAccessError as error:
            log.warning("No broker account could be made: %s", error)
    return {
        "user_id": str(row.user.user_id),
        "username": row.user.username,
        "workspace_id": str(row.workspace.workspace_id),
        "user_type": 2 if row.client == ClientKind.PILOT else 1,
        "mqtt_username": username,
        "mqtt_password": password,
        "mqtt_addr": controllers.address(),
    }
