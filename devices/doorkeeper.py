"""Access checks of all sockets of this process, as many as there are in one go.

A thousand browsers may connect at once, and each is checked again every few seconds: one after the other they would
wait for each other's queries.
"""

import asyncio
import time

from channels.db import database_sync_to_async
from django.conf import settings

from workspaces.socket_access import Access, Claim, granted

#: So many are asked about in one query.
AT_ONCE = 500

_waiting: dict[Claim, asyncio.Future[Access | None]] = {}
_answering: set[asyncio.Task[None]] = set()


async def find(claim: Claim) -> Access | None:
    """What the claim gives access to; None if it does not hold. Raises what the database raises."""
    if claim not in _waiting:
        _waiting[claim] = asyncio.get_running_loop().create_future()
    answer = _waiting[claim]
    if not _answering:
        _answering.add(asyncio.create_task(_answer_all()))
    return await asyncio.shield(answer)


async def next_round() -> None:
    """Wait until sockets are checked again: all of the process at the same moment, so that they share the queries."""
    await asyncio.sleep(settings.TOKEN_CHECK_SECONDS - time.monotonic() % settings.TOKEN_CHECK_SECONDS)


async def _answer_all() -> None:
    """Those who come while others are answered are the next."""
    while _waiting:
        claims = list(_waiting)[:AT_ONCE]
        answers = {claim: _waiting.pop(claim) for claim in claims}
        try:
            found = await database_sync_to_async(granted)(claims)
        except Exception as error:
            for answer in answers.values():
                answer.set_exception(error)
                answer.exception()  # who asked may have gone
        else:
            for claim, answer in answers.items():
                answer.set_result(found.get(claim))
    _answering.clear()
