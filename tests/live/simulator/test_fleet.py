"""Many simulated gateways against a real broker: what one of them meets is counted and stays its own."""

import asyncio
from collections.abc import Callable

import pytest

from mqtt_bridge.simulator.dock import DockOptions
from mqtt_bridge.simulator.endpoint import Endpoint
from mqtt_bridge.simulator.fleet import Fleet
from mqtt_bridge.simulator.flight import Home
from tests.live.simulator.servers import Broker, Cloud

pytestmark = pytest.mark.live
REFUSED = "connect ✗ the broker refuses the account: Not authorized"


def dock(broker: Broker, number: int, *, known: bool = True) -> DockOptions:
    endpoint = Endpoint("127.0.0.1", broker.port, "user", "secret" if known else "wrong")
    options = DockOptions(f"DOCK{number}", "3-2-0", f"AIR{number}", "0-91-1", endpoint, Home(46.9561, 7.4822))
    options.organization_id, options.bind_code = "org", "the-bind-code"
    return options


async def run_until(fleet: Fleet, condition: Callable[[], bool]) -> None:
    running = asyncio.create_task(fleet.run())
    try:
        async with asyncio.timeout(20):
            while not condition():
                assert not running.done()
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_refused_account_ends_its_own_device_only(broker: Broker, cloud: Cloud) -> None:
    said: list[str] = []
    fleet = Fleet([dock(broker, 1, known=False), dock(broker, 2), dock(broker, 3)], said.append)
    await run_until(fleet, lambda: bool(fleet.troubles and cloud.osd("AIR2") and cloud.osd("AIR3")))
    assert fleet.troubles == {REFUSED: 1}
    assert said[-1].startswith("summary: connected 2/3, docks bound 2/3, flying 0, ")
    assert f"; 1 times {REFUSED}" in said[-1]
    assert not any(device.connected for device in fleet.devices)


async def test_a_fleet_that_is_refused_as_a_whole_ends(broker: Broker) -> None:
    fleet = Fleet([dock(broker, number, known=False) for number in range(3)], lambda _text: None)
    async with asyncio.timeout(20):
        await fleet.run()
    assert fleet.troubles == {REFUSED: 3}


async def test_what_the_platform_refuses_is_counted_by_its_reason(broker: Broker, cloud: Cloud) -> None:
    cloud.answers["airport_organization_get"] = {"result": 210230}
    fleet = Fleet([dock(broker, number) for number in range(3)], lambda _text: None)
    await run_until(fleet, lambda: fleet.troubles.total() >= 3)
    assert fleet.troubles == {"airport_organization_get ✗ result=210230": 3}
    assert not any(dock.bound for dock in fleet.docks)
