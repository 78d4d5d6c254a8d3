"""Devices over HTTP: shapes, filters, who may do what."""

import time
from typing import Any

import pytest

from devices.api import schemas
from devices.models import Device
from tests.factories import device, make_bound, report_topology
from tests.unit.dji import ask, make_controller, make_online, token
from workspaces import services
from workspaces.models import AuditEntry, Role, Workspace

pytestmark = pytest.mark.django_db
DOCK, AIRCRAFT, RC = "DOCKA", "AIRA", "RCA"
NO_ICON = {"normal_icon_url": "", "selected_icon_url": ""}


@pytest.fixture
def fleet(ours: Workspace, theirs: Workspace) -> None:
    make_bound(ours, DOCK, AIRCRAFT)
    report_topology(DOCK, AIRCRAFT)
    make_controller(ours, RC)
    make_bound(theirs, "DOCKB", "AIRB")
    report_topology("DOCKB", "AIRB")


@pytest.fixture
def admin(ours: Workspace) -> str:
    return token(ours, Role.ADMIN)


def fields(schema: type[Any]) -> set[str]:
    return set(schema().fields)


def required(schema: type[Any]) -> set[str]:
    return {name for name, field in schema().fields.items() if field.required}


def check_device(shape: dict[str, Any]) -> None:
    assert required(schemas.DeviceSchema) <= shape.keys() <= fields(schemas.DeviceSchema)
    for key in ("domain", "type", "sub_type", "firmware_status"):
        assert type(shape.get(key, 0)) is int, key
    assert type(shape["status"]) is bool
    assert type(shape["bound_status"]) is bool
    assert isinstance(shape["payloads_list"], list)
    for key in ("login_time", "bound_time"):
        assert shape[key] == "" or time.strptime(shape[key], "%Y-%m-%d %H:%M:%S")
    if "children" in shape:
        assert isinstance(shape["children"]["payloads_list"], list)
        assert "children" not in shape["children"]
        check_device(shape["children"])


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("role", list(Role))
def test_gateways_with_their_aircraft(ours: Workspace, role: Role) -> None:
    rows = ask("GET", f"/devices/{ours.workspace_id}/devices", token=token(ours, role)).data
    assert [row["device_sn"] for row in rows] == [DOCK, RC]
    for row in rows:
        check_device(row)
    dock, controller = rows
    assert (dock["domain"], dock["type"], dock["sub_type"], dock["device_name"]) == (3, 2, 0, device(DOCK).model_name)
    assert (dock["status"], dock["bound_status"], dock["workspace_id"]) == (True, True, str(ours.workspace_id))
    assert (dock["workspace_name"], dock["icon_url"], dock["control_source"]) == (ours.name, NO_ICON, "")
    assert (dock["children"]["device_sn"], dock["child_device_sn"]) == (AIRCRAFT, AIRCRAFT)
    assert (dock["children"]["domain"], dock["children"]["parent_sn"]) == (0, DOCK)
    assert dock["bound_time"]
    assert "parent_sn" not in dock
    assert (controller["domain"], controller["status"], controller["login_time"]) == (2, False, "")
    assert "children" not in controller


@pytest.mark.usefixtures("fleet")
def test_bound_devices_by_domain(ours: Workspace, admin: str) -> None:
    def bound(query: str) -> list[str]:
        rows = ask("GET", f"/devices/{ours.workspace_id}/devices/bound{query}", token=admin).data["list"]
        for row in rows:
            check_device(row)
        return [row["device_sn"] for row in rows]

    assert bound("?&page=1&page_size=50&domain=3") == [DOCK]
    assert bound("?domain=0") == [AIRCRAFT]
    assert bound("?domain=2") == [RC]
    assert bound("?domain=9") == []
    assert bound("") == bound("?domain=") == [AIRCRAFT, DOCK, RC]
    assert bound("?page=2&page_size=2") == [RC]


@pytest.mark.usefixtures("fleet")
def test_one_device(ours: Workspace, admin: str) -> None:
    for sn in (DOCK, AIRCRAFT, RC):
        shape = ask("GET", f"/devices/{ours.workspace_id}/devices/{sn}", token=admin).data
        check_device(shape)
        assert (shape["device_sn"], shape["nickname"]) == (sn, device(sn).model_name)
    for sn in ("DOCKB", "AIRB", "NOBODY", "hms", "ota"):
        answer = ask("GET", f"/devices/{ours.workspace_id}/devices/{sn}", token=admin)
        assert (answer.status, answer.body) == (200, {"code": -1, "message": "device not found."})


@pytest.mark.usefixtures("fleet")
def test_an_unknown_model_is_shown_without_nulls(ours: Workspace, admin: str) -> None:
    Device.objects.unscoped().filter(sn=AIRCRAFT).update(domain=None, type=None, sub_type=None)
    shape = ask("GET", f"/devices/null/devices/{AIRCRAFT}", token=admin).data
    check_device(shape)
    assert not {"domain", "type", "sub_type"} & shape.keys()
    assert shape["nickname"] == AIRCRAFT
    [pair] = [pair for pair in topologies(ours, admin) if pair["parents"][0]["sn"] == DOCK]
    assert pair["hosts"][0]["device_model"] == dict.fromkeys(("key", "device_model_key", "domain", "type"), "") | {
        "sub_type": "0"
    }


def topologies(workspace: Workspace, given: str) -> list[dict[str, Any]]:
    data = ask("GET", f"/workspaces/{workspace.workspace_id}/devices/topologies", token=given).data
    assert data.keys() == {"list"}
    for pair in data["list"]:
        assert pair.keys() == {"hosts", "parents"}
        assert len(pair["parents"]) == 1
        for shown in (*pair["hosts"], *pair["parents"]):
            assert required(schemas.TopoSchema) <= shown.keys() <= fields(schemas.TopoSchema)
            assert shown["device_model"].keys() == fields(schemas.ModelSchema)
    return list(data["list"])


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("role", list(Role))
def test_topologies_list_docks_and_controllers(ours: Workspace, role: Role) -> None:
    dock, controller = topologies(ours, token(ours, role))
    assert dock["parents"][0]["sn"] == DOCK
    [host] = dock["hosts"]
    name = device(AIRCRAFT).model_name
    assert host == {
        "sn": AIRCRAFT,
        "device_callsign": name,
        "device_model": {"key": "0-91-1", "device_model_key": "0-91-1", "domain": "0", "type": "91", "sub_type": "1"},
        "model": name,
        "online_status": True,
        "bound_status": True,
        "user_id": "",
        "user_callsign": "",
        "icon_urls": NO_ICON,
        "gateway_sn": DOCK,
        "domain": 0,
    }
    assert (controller["parents"][0]["sn"], controller["hosts"]) == (RC, [])
    assert controller["parents"][0]["online_status"] is False


@pytest.mark.usefixtures("fleet")
def test_a_gateway_of_another_workspace_is_not_named(ours: Workspace, admin: str) -> None:
    elsewhere = services.create_workspace(organization=ours.organization)
    Device.objects.unscoped().filter(sn=DOCK).update(workspace=elsewhere)
    assert "parent_sn" not in ask("GET", f"/devices/null/devices/{AIRCRAFT}", token=admin).data
    assert DOCK not in str(topologies(ours, admin))
    assert AIRCRAFT not in str(topologies(elsewhere, token(elsewhere, Role.VIEWER)))


# --- changes ----------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("role", "allowed"), [(Role.ADMIN, True), (Role.OPERATOR, True), (Role.VIEWER, False), (Role.PILOT, False)]
)
def test_rename(ours: Workspace, role: Role, allowed: bool) -> None:
    body = {"nickname": "Heron", "device_sn": "OTHER", "workspace_id": "x", "domain": 7}
    answer = ask("PUT", f"/devices/{ours.workspace_id}/devices/{DOCK}", body, token=token(ours, role))
    if not allowed:
        assert (answer.status, answer.code) == (200, 403)
        assert device(DOCK).callsign == ""
        return
    assert answer.data == ""
    assert (device(DOCK).callsign, device(DOCK).domain) == ("Heron", 3)
    [entry] = AuditEntry.objects.filter(action="device.renamed")
    assert entry.target == DOCK
    shown = ask("GET", f"/devices/null/devices/{DOCK}", token=token(ours, role)).data
    assert shown["nickname"] == "Heron"


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("body", [{}, {"nickname": ""}, {"nickname": "x" * 101}, {"nickname": {}}, {"nickname": "\0"}])
def test_bad_names_are_refused(ours: Workspace, admin: str, body: Any) -> None:
    assert ask("PUT", f"/devices/null/devices/{DOCK}", body, token=admin).code == 210002
    assert device(DOCK).callsign == ""


@pytest.mark.usefixtures("fleet")
def test_nobody_changes_what_is_foreign(ours: Workspace, admin: str) -> None:
    assert ask("PUT", f"/devices/{ours.workspace_id}/devices/DOCKB", {"nickname": "x"}, token=admin).refused
    assert ask("DELETE", "/devices/DOCKB/unbinding", token=admin).refused
    assert ask("DELETE", "/devices/NOBODY/unbinding", token=admin).refused
    assert device("DOCKB").callsign == ""
    assert device("DOCKB").workspace is not None


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("role", list(Role))
def test_unbind(ours: Workspace, role: Role) -> None:
    answer = ask("DELETE", f"/devices/{DOCK}/unbinding", {"any": ["body"]}, token=token(ours, role))
    if role != Role.ADMIN:
        assert (answer.status, answer.code) == (200, 403)
        assert device(DOCK).workspace == ours
        return
    assert answer.data == ""
    assert (device(DOCK).workspace, device(DOCK).online) == (None, False)
    assert [row["device_sn"] for row in ask("GET", "/devices/null/devices", token=token(ours, role)).data] == [RC]
    assert AuditEntry.objects.filter(action="device.released", target=DOCK).exists()


@pytest.mark.usefixtures("fleet")
def test_times_are_local(ours: Workspace, admin: str, settings: Any) -> None:
    make_online(RC)
    Device.objects.unscoped().filter(sn=RC).update(last_seen_at="2026-01-31T23:30:00Z")
    settings.TIME_ZONE = "Asia/Shanghai"
    shown = ask("GET", f"/devices/null/devices/{RC}", token=admin).data
    assert shown["login_time"] == "2026-02-01 07:30:00"
