"""What the simulated Pilot asks the platform for when its log-in has ended."""

from typing import Any

import pytest

from mqtt_bridge.simulator.cloud import TokenEnded
from mqtt_bridge.simulator.endpoint import Endpoint
from mqtt_bridge.simulator.flight import Home
from mqtt_bridge.simulator.pilot import Pilot, PilotOptions


async def test_a_new_log_in_over_the_live_link_binds_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its broker account ends with the new log-in, and not with the old one."""
    options = PilotOptions("RC1", "2-144-0", "AIR1", "0-77-0", Endpoint("127.0.0.1", 1, "", ""), Home(46.9, 7.4))
    pilot = Pilot(options, lambda _line: None)
    asked: list[str] = []

    async def get(path: str) -> Any:
        asked.append(path)
        if not pilot.cloud.token:
            raise TokenEnded(path)
        return {"list": []}

    async def post(path: str, _body: Any = None) -> Any:
        asked.append(path)
        return {"access_token": "new", "workspace_id": "w", "username": "pilot"} if path == "/login" else ""

    monkeypatch.setattr(pilot.cloud, "get", get)
    monkeypatch.setattr(pilot.cloud, "post", post)
    pilot.workspace_id = "w"
    await pilot._ask_topology()
    topologies = "/workspaces/w/devices/topologies"
    assert asked == [topologies, "/login", "/devices/RC1/binding", topologies]
