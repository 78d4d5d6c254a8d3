"""Whom the keeper of rights tells the broker about first, and whom later."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from devices import ownership
from mqtt_bridge.broker_access import keeper as keeping
from mqtt_bridge.broker_access.access import Access
from mqtt_bridge.broker_access.keeper import Keeper
from mqtt_bridge.broker_access.roles import gateway_role
from tests.factories import device, make_bound, report_topology
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def access(sn: str, *aircraft: str, bound: bool = True) -> Access:
    role = gateway_role(sn, username=sn, bound=bound, sub_devices=aircraft)
    return Access(sn, "password", sn, sn, role, frozenset(aircraft))


@pytest.fixture
def keeper(ours: Workspace, settings: Any) -> Keeper:
    """It has told the broker of two gateways with an aircraft and of one without; there is no broker here. Since then
    both aircraft have left."""
    settings.MQTT_BROKER = "amqtt"
    for gateway, aircraft in (("A", ["PLANE-A"]), ("B", ["PLANE-B"]), ("C", [])):
        make_bound(ours, gateway, *aircraft)
    made = Keeper(threading.Event())
    made._told = {told.username: told for told in (access("A", "PLANE-A"), access("B", "PLANE-B"), access("C"))}
    made._batch = 20
    return made


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The keeper's clock, in s."""
    moment = [1000.0]
    monkeypatch.setattr(keeping, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    return moment


def _find_dear(keeper: Keeper) -> None:
    for _change in range(3):
        keeper._take_time(1.0, 1)
    keeper._batch = 20


def test_one_change_that_was_slow_by_chance_keeps_nobody_waiting(keeper: Keeper) -> None:
    for took in (0.01, 1.0, 1.0, 0.01, 1.0, 1.0):
        keeper._take_time(took, 1)
    keeper._note([access("B")])
    assert keeper._next() == ["B"]
    keeper._take_time(1.0, 1)
    assert keeper._next() == []


def test_who_gains_rights_comes_before_who_only_loses_some(keeper: Keeper) -> None:
    keeper._note([access("B"), access("C", "PLANE-C"), access("A", "PLANE-A")])
    assert keeper._next() == ["C", "B"]
    keeper._batch = 1
    assert keeper._next() == ["C"]


def test_where_changes_are_dear_who_only_lost_its_aircraft_waits(keeper: Keeper, now: list[float]) -> None:
    _find_dear(keeper)
    keeper._note([access("B"), access("A", "OTHER")])
    assert keeper._next() == ["A"], "another aircraft is a gain"
    now[0] += keeping.ENDING_PATIENCE
    assert keeper._next() == ["A", "B"]


def test_who_gains_rights_again_and_again_keeps_nobody_waiting_for_ever(keeper: Keeper, now: list[float]) -> None:
    """A gateway that names another aircraft each second must not keep others their rights."""
    _find_dear(keeper)
    keeper._batch = 1
    keeper._note([access("B")])
    for second in range(int(keeping.ENDING_PATIENCE) + 2):
        now[0] += 1
        keeper._note([access("A", f"PLANE-{second}")])
        [told] = keeper._next()
        if told == "B":
            break
        del keeper._due[told]
    assert told == "B"


def test_what_went_elsewhere_does_not_come_back(keeper: Keeper, theirs: Workspace) -> None:
    _find_dear(keeper)
    keeper._note([access("A"), access("B"), access("C")])
    assert keeper._next() == []
    report_topology("C", "PLANE-A")
    keeper._note([access("A")])
    assert keeper._next() == ["A"], "its aircraft is behind another gateway"
    ownership.release(device=device("PLANE-B"))
    ownership.claim(sns=["PLANE-B"], workspace=theirs)
    keeper._note([access("B")])
    assert keeper._next() == ["A", "B"], "its aircraft is another organization's"


def test_a_released_gateway_loses_its_rights_at_once(keeper: Keeper) -> None:
    _find_dear(keeper)
    ownership.release(device=device("B"))
    keeper._note([access("B", bound=False)])
    assert keeper._next() == ["B"]


def test_an_aircraft_that_comes_back_costs_nothing(keeper: Keeper) -> None:
    keeper._note([access("B")])
    keeper._note([access("B", "PLANE-B")])
    assert keeper._next() == []
    assert keeper._patience() == 0.5
