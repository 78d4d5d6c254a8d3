"""Whom the keeper of rights tells the broker about first, and whom later."""

import threading
from typing import Any

import pytest

from mqtt_bridge.broker_access import keeper as keeping
from mqtt_bridge.broker_access.access import Access
from mqtt_bridge.broker_access.keeper import Keeper
from mqtt_bridge.broker_access.roles import gateway_role


def access(sn: str, *aircraft: str, bound: bool = True) -> Access:
    role = gateway_role(sn, username=sn, bound=bound, sub_devices=aircraft)
    return Access(sn, "password", sn, sn, role, frozenset(aircraft))


@pytest.fixture
def keeper(settings: Any) -> Keeper:
    """It has told the broker of two gateways with an aircraft and of one without; there is no broker here."""
    settings.MQTT_BROKER = "amqtt"
    made = Keeper(threading.Event())
    made._told = {told.username: told for told in (access("A", "PLANE-A"), access("B", "PLANE-B"), access("C"))}
    made._batch = 20
    return made


def test_who_gains_rights_comes_before_who_only_loses_some(keeper: Keeper) -> None:
    keeper._note([access("B"), access("C", "PLANE-C"), access("A", "PLANE-A")])
    assert keeper._next() == ["C", "B"]
    keeper._batch = 1
    assert keeper._next() == ["C"]


def test_where_changes_are_dear_who_only_loses_rights_waits(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper._is_dear = True
    keeper._note([access("B"), access("A", "OTHER")])
    assert keeper._next() == ["A"], "another aircraft is a gain"
    monkeypatch.setattr(keeping, "ENDING_PATIENCE", 0.0)
    assert keeper._next() == ["A", "B"]


def test_an_aircraft_that_comes_back_costs_nothing(keeper: Keeper) -> None:
    keeper._note([access("B")])
    keeper._note([access("B", "PLANE-B")])
    assert keeper._next() == []
    assert keeper._patience() == 0.5
