"""A fleet to look at: what is made for it, that it is made once, and what is taken away."""

import asyncio
import io
import math
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from pytest_django import Settings

from cloudapi.platform import ports
from devices import ownership
from devices.models import Device
from devices.sn import is_sn
from mqtt_bridge import credentials, fleet
from mqtt_bridge.management.simulated_fleet import simulated
from mqtt_bridge.models import MqttCredential
from mqtt_bridge.simulator.dock import DockOptions
from mqtt_bridge.simulator.endpoint import Endpoint
from mqtt_bridge.simulator.fleet import SPACING, Fleet, place, without_names
from mqtt_bridge.simulator.flight import METRES_PER_DEGREE, Home
from mqtt_bridge.simulator.options import Options
from workspaces import services
from workspaces.models import BindCode, Workspace

HOME = Home(46.9561, 7.4822)


def options(number: int, port: int) -> Options:
    endpoint = Endpoint("127.0.0.1", port, "user", "secret")
    return Options(f"RC{number}", "2-144-0", f"RC{number}-AIR", "0-77-1", endpoint, HOME)


def accounts(workspace: Workspace) -> set[str]:
    return set(MqttCredential.objects.in_workspace(workspace).values_list("gateway_sn", flat=True))


def devices(workspace: Workspace) -> set[str]:
    return set(Device.objects.in_workspace(workspace).values_list("sn", flat=True))


def bind(workspace: Workspace, *dock_sns: str) -> None:
    """As if the docks had joined with their aircraft."""
    ownership.claim(sns=[sn for dock in dock_sns for sn in (dock, fleet.aircraft_sn(dock))], workspace=workspace)


# --- names and places -------------------------------------------------------------------------------------------------
def test_serial_numbers() -> None:
    assert fleet.dock_sns(2) == ["FLEET-DOCK-0001", "FLEET-DOCK-0002"]
    assert fleet.controller_sns(1) == ["FLEET-RC-0001"]
    everything = [*fleet.dock_sns(fleet.MOST), *fleet.controller_sns(fleet.MOST)]
    everything += [fleet.aircraft_sn(sn) for sn in everything]
    assert len(set(everything)) == 4 * fleet.MOST
    assert all(is_sn(sn) for sn in everything)


def test_places_are_apart_and_lie_around_the_middle() -> None:
    degree_east = METRES_PER_DEGREE * math.cos(math.radians(HOME.latitude))
    homes = [place(number, HOME) for number in range(49)]
    for one, other in combinations(homes, 2):
        north = (one.latitude - other.latitude) * METRES_PER_DEGREE
        east = (one.longitude - other.longitude) * degree_east
        assert math.hypot(north, east) > SPACING * 0.999
    assert homes[0] == HOME
    assert max(abs(home.latitude - HOME.latitude) for home in homes) * METRES_PER_DEGREE == pytest.approx(3 * SPACING)
    assert max(abs(home.longitude - HOME.longitude) for home in homes) * degree_east == pytest.approx(3 * SPACING)


# --- making -----------------------------------------------------------------------------------------------------------
def test_a_fleet_is_made_once(ours: Workspace) -> None:
    made = fleet.prepare(workspace=ours, docks=3, controllers=2)
    assert [account.gateway_sn for account in made.new] == [*fleet.dock_sns(3), *fleet.controller_sns(2)]
    assert devices(ours) == set(fleet.controller_sns(2)), "docks bind by themselves"
    assert made.bind_code is not None
    assert made.bind_code.bind_code.max_docks == 3
    bind(ours, *fleet.dock_sns(2))

    again = fleet.prepare(workspace=ours, docks=3, controllers=2)
    assert again.new == []
    assert [account.password for account in again.docks] == [account.password for account in made.docks]
    assert again.bind_code is not None
    assert again.bind_code.bind_code.max_docks == 1

    bind(ours, "FLEET-DOCK-0003")
    assert fleet.prepare(workspace=ours, docks=3, controllers=2).bind_code is None
    larger = fleet.prepare(workspace=ours, docks=4, controllers=2)
    assert [account.gateway_sn for account in larger.new] == ["FLEET-DOCK-0004"]


def test_a_dock_whose_aircraft_was_released_gets_a_code(ours: Workspace) -> None:
    fleet.prepare(workspace=ours, docks=1, controllers=0)
    bind(ours, "FLEET-DOCK-0001")
    ownership.release(device=Device.objects.in_workspace(ours).get(sn="FLEET-DOCK-0001-AIR"))
    assert fleet.prepare(workspace=ours, docks=1, controllers=0).bind_code is not None


def test_the_fleet_of_another_organization_is_not_taken(ours: Workspace, theirs: Workspace) -> None:
    fleet.prepare(workspace=theirs, docks=2, controllers=1)
    with pytest.raises(ValidationError, match=r"another organization.*--remove"):
        fleet.prepare(workspace=ours, docks=2, controllers=1)
    assert accounts(ours) == devices(ours) == set()
    assert not BindCode.objects.in_workspace(ours).exists()


def test_the_fleet_of_another_workspace_is_not_taken(ours: Workspace) -> None:
    second = services.create_workspace(organization=ours.organization)
    fleet.prepare(workspace=second, docks=1, controllers=0)
    with pytest.raises(ValidationError, match="--remove"):
        fleet.prepare(workspace=ours, docks=1, controllers=0)


def test_the_simulator_is_told_what_a_device_is_told(ours: Workspace) -> None:
    made = fleet.prepare(workspace=ours, docks=3, controllers=2)
    gateways = simulated(made, ours, 2.0)
    docks = [each for each in gateways if isinstance(each, DockOptions)]
    assert [each.sn for each in gateways] == [*fleet.dock_sns(3), *fleet.controller_sns(2)]
    assert made.bind_code is not None
    assert {(dock.organization_id, dock.bind_code) for dock in docks} == {
        (ours.organization.organization_id, made.bind_code.code)
    }
    assert [each.endpoint.password for each in docks] == [account.password for account in made.docks]
    assert len({each.seed for each in gateways}) == len({each.home for each in gateways}) == 5
    assert len({each.head_start for each in gateways}) == 5
    assert all(0 <= each.head_start < 1 and each.speedup == 2 for each in gateways)


# --- taking away ------------------------------------------------------------------------------------------------------
def remove(workspace: Workspace) -> tuple[list[str], int]:
    ended = [account.gateway_sn for account in fleet.remove_accounts(workspace)]
    return ended, fleet.remove_devices(workspace, ended)


def test_removing_leaves_nothing_of_the_fleet_and_everything_else(ours: Workspace, theirs: Workspace) -> None:
    fleet.prepare(workspace=ours, docks=3, controllers=2)
    bind(ours, "FLEET-DOCK-0001")
    credentials.issue(sns=["FLEET-OF-TAXIS"], workspace=ours)
    ownership.claim(sns=["FLEET-OF-TAXIS", "DOCK1"], workspace=ours)
    ownership.claim(sns=["FLEET-DOCK-0009"], workspace=theirs)

    ended, removed = remove(ours)
    assert sorted(ended) == [*fleet.dock_sns(3), *fleet.controller_sns(2)]
    assert removed == 6, "three docks of which one had bound with its aircraft, and two controllers"
    assert accounts(ours) == {"FLEET-OF-TAXIS"}
    assert devices(ours) == {"FLEET-OF-TAXIS", "DOCK1"}
    assert devices(theirs) == {"FLEET-DOCK-0009"}
    assert set(Device.objects.unscoped().values_list("sn", flat=True)) == {"FLEET-OF-TAXIS", "DOCK1", "FLEET-DOCK-0009"}
    assert remove(ours) == ([], 0)
    assert len(fleet.prepare(workspace=ours, docks=3, controllers=2).new) == 5


# --- the command ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--workspace"),
        (["--workspace", "north"], "UUID"),
        (["--workspace", "00000000-0000-0000-0000-000000000000"], "no workspace"),
        (["--docks", "-1"], "no number"),
        (["--docks", "10000"], "no number"),
        (["--controllers", "some"], "no number"),
    ],
)
def test_the_command_refuses_with_a_sentence(
    arguments: list[str], sentence: str, settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match=sentence):
        call_command("simulate", "fleet", *arguments)


def test_a_fleet_of_none_is_refused(ours: Workspace) -> None:
    with pytest.raises(CommandError, match="--docks"):
        call_command("simulate", "fleet", "--docks=0", "--controllers=0", f"--workspace={ours.workspace_id}")


def test_without_a_broker_the_accounts_are_stored_and_no_code_stays_open(ours: Workspace, settings: Settings) -> None:
    settings.MQTT_PORT = ports.free()
    with pytest.raises(CommandError, match=r"stored.*run this again"):
        call_command("simulate", "fleet", "--docks=2", f"--workspace={ours.workspace_id}", stdout=io.StringIO())
    assert {"FLEET-DOCK-0001", "FLEET-DOCK-0002"} <= accounts(ours)
    assert [code.is_usable() for code in BindCode.objects.in_workspace(ours)] == [False]


# --- running ----------------------------------------------------------------------------------------------------------
async def run_until(made: Fleet, condition: Callable[[], bool]) -> None:
    """And no longer; fails if the fleet has ended by then."""
    running = asyncio.create_task(made.run())
    async with asyncio.timeout(10):
        while not condition():
            assert not running.done()
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_equal_troubles_are_counted_together() -> None:
    said: list[str] = []
    made = Fleet([options(number, ports.free()) for number in range(2)], said.append)
    await run_until(made, lambda: made.troubles.total() >= 2)
    [(trouble, count)] = made.troubles.items()
    assert trouble.startswith("connection ✗")
    assert said[-1].startswith("summary: connected 0/2, flying 0, 0 messages/s; ")
    assert f"{count} times {trouble}" in said[-1]


async def test_what_breaks_one_device_leaves_the_others() -> None:
    broken: Any = "no number"
    made = Fleet([options(1, broken), options(2, ports.free())], lambda _text: None)
    await run_until(made, lambda: len(made.troubles) == 2)
    assert sorted(text.split(" ✗ ")[0] for text in made.troubles) == ["connection", "ended"]


def test_names_are_left_out_of_troubles() -> None:
    text = "airport_organization_bind ✗ result=0 RC1 err_code=210231, RC1-AIR err_code=0"
    expected = "airport_organization_bind ✗ result=0 gateway err_code=210231, aircraft err_code=0"
    assert without_names(text, options(1, 1)) == expected
