"""Running what is simulated until somebody stops it."""

import asyncio
import signal
from collections.abc import Callable
from typing import Protocol, TypeVar


class Runs(Protocol):
    async def run(self) -> None: ...


T = TypeVar("T", bound=Runs)


async def run_until_stopped(make: Callable[[], T], duration: float | None) -> T:
    """Until SIGINT, SIGTERM or the end of `duration` (s); raises what ends it earlier."""
    made = make()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running, stopping = asyncio.create_task(made.run()), asyncio.create_task(stop.wait())
    await asyncio.wait([running, stopping], timeout=duration, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    stopping.cancel()
    (outcome,) = await asyncio.gather(running, return_exceptions=True)
    if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
        raise outcome
    return made
