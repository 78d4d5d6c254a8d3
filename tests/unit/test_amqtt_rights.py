"""How often amqtt's plugin asks the tables, and how soon it hears of a new right."""

import asyncio
import time

from mqtt_bridge.broker_access.amqtt_rights import FRESH_FOR, SECOND_LOOKS, KnownRights
from mqtt_bridge.broker_access.roles import Role

NONE, SOME = [Role("gateway:DOCK")], [Role("gateway:DOCK", publish=("a",))]


class Tables:
    """Answers as slowly as a database that is busy."""

    def __init__(self) -> None:
        self.roles = NONE
        self.readings = 0

    async def read(self, _username: str) -> list[Role]:
        self.readings += 1
        roles = self.roles
        await asyncio.sleep(0.01)
        return roles


async def refused(rights: KnownRights) -> list[Role]:
    """What a message does that is forbidden."""
    asked_at = time.monotonic()
    await rights.recent("DOCK")
    return await rights.now("DOCK", asked_at)


async def test_a_flood_of_forbidden_messages_costs_a_few_readings() -> None:
    tables = Tables()
    rights = KnownRights(tables.read)
    until = time.monotonic() + FRESH_FOR - 0.2
    while time.monotonic() < until:
        await asyncio.gather(*(refused(rights) for _message in range(20)))
        await asyncio.sleep(0.001)
    assert 1 <= tables.readings <= SECOND_LOOKS + 1


async def test_messages_of_the_same_moment_share_a_reading() -> None:
    tables = Tables()
    rights = KnownRights(tables.read)
    await asyncio.gather(*(refused(rights) for _message in range(100)))
    assert tables.readings <= 2


async def test_a_new_right_counts_for_the_next_message() -> None:
    """Also when the tables were asked just before they changed."""
    tables = Tables()
    rights = KnownRights(tables.read)
    assert await refused(rights) == NONE
    before = asyncio.create_task(refused(rights))
    await asyncio.sleep(0.005)
    tables.roles = SOME
    assert await refused(rights) == SOME
    assert await before == NONE


async def test_who_is_forgotten_may_come_back() -> None:
    tables = Tables()
    rights = KnownRights(tables.read)
    for number in range(50):
        rights.note(f"OLD-{number}", SOME, time.monotonic() - FRESH_FOR)
    assert await rights.recent("DOCK") == NONE
    assert len(rights._accounts) == 1
    assert await rights.recent("OLD-1") == NONE
