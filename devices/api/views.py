"""Devices of a workspace: list, one, bound, rename, unbind, and the topology that Pilot asks for."""

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cloudapi.dji import pagination
from cloudapi.dji.envelope import BusinessError
from devices import live, ownership
from devices.api import schemas, shapes
from devices.models import Device
from devices.models.device import DeviceQuerySet
from devices.sn import is_sn
from workspaces import audit
from workspaces.api.auth import require, token_of, workspace_of
from workspaces.api.schemas import PAGE
from workspaces.models import Workspace
from workspaces.roles import Capability

CONTROLLER, DOCK = 2, 3
DOMAIN = OpenApiParameter("domain", int, description="0 aircraft, 2 controllers, 3 docks; all if left out.")


class Gateways(APIView):
    @extend_schema(responses=schemas.DeviceSchema(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        """All gateways of the workspace with their aircraft; an array, not a page."""
        workspace = workspace_of(request, workspace_id)
        behind = _behind(workspace)
        gateways = _rows(workspace).filter(domain__in=(CONTROLLER, DOCK))
        return Response([shapes.device(gateway, behind.get(gateway.pk, ())) for gateway in gateways])


class BoundDevices(APIView):
    @extend_schema(parameters=[*PAGE, DOMAIN], responses=schemas.DevicePageSchema)
    def get(self, request: Request, workspace_id: str) -> Response:
        """The devices of the workspace, a page at a time, of one domain if asked; docks with their aircraft."""
        workspace = workspace_of(request, workspace_id)
        rows = _rows(workspace)
        domain = request.query_params.get("domain", "")
        if domain.isascii() and domain.isdigit() and len(domain) < 4:
            rows = rows.filter(domain=int(domain))
        devices, page = pagination.page(request, rows)
        behind = _behind(workspace)
        return Response({"list": [shapes.device(row, behind.get(row.pk, ())) for row in devices], "pagination": page})


class OneDevice(APIView):
    @extend_schema(responses=schemas.DeviceSchema)
    def get(self, request: Request, workspace_id: str, sn: str) -> Response:
        """One device of the workspace."""
        workspace = workspace_of(request, workspace_id)
        row = _device(workspace, sn)
        return Response(shapes.device(row, _behind(workspace).get(row.pk, ())))

    @extend_schema(request=schemas.RenameSchema, responses={200: str})
    def put(self, request: Request, workspace_id: str, sn: str) -> Response:
        """Rename a device. Only the nickname can be changed, whatever else the body holds."""
        workspace = workspace_of(request, workspace_id)
        require(request, Capability.RENAME)
        asked = schemas.RenameSchema(data=request.data)
        asked.is_valid(raise_exception=True)
        row = _device(workspace, sn)
        with transaction.atomic():
            Device.objects.in_workspace(workspace).filter(pk=row.pk).update(callsign=asked.validated_data["nickname"])
            audit.record("device.renamed", target=row.sn, workspace=workspace, user=token_of(request).user)
            live.changed([row.sn])
        return Response("")


class UnbindDevice(APIView):
    @extend_schema(responses={200: str})
    def delete(self, request: Request, sn: str) -> Response:
        """Release a device from the token's workspace."""
        workspace = workspace_of(request)
        require(request, Capability.RELEASE)
        ownership.release(device=_device(workspace, sn), user=token_of(request).user)
        return Response("")


class Topologies(APIView):
    @extend_schema(responses=schemas.TopologySchema)
    def get(self, request: Request, workspace_id: str) -> Response:
        """Every gateway (`parents`) with its aircraft (`hosts`), docks and controllers alike."""
        workspace = workspace_of(request, workspace_id)
        behind = _behind(workspace)
        gateways = _rows(workspace).filter(domain__in=(CONTROLLER, DOCK))
        return Response(
            {
                "list": [
                    {
                        "hosts": [shapes.topo(aircraft) for aircraft in behind.get(gateway.pk, ())],
                        "parents": [shapes.topo(gateway)],
                    }
                    for gateway in gateways
                ]
            }
        )


def _rows(workspace: Workspace) -> DeviceQuerySet:
    return Device.objects.in_workspace(workspace).select_related("workspace", "gateway").order_by("sn")


def _behind(workspace: Workspace) -> dict[int, list[Device]]:
    return shapes.by_gateway(_rows(workspace).filter(gateway__isnull=False))


def _device(workspace: Workspace, sn: str) -> Device:
    row = _rows(workspace).filter(sn=sn).first() if is_sn(sn) else None
    if row is None:
        raise BusinessError("device not found.")
    return row
