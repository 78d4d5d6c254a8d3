"""Many gateways in one event loop: they connect one after the other, and one line tells of all of them."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence

from .controller import Controller
from .device import Device
from .dock import Dock, DockOptions
from .endpoint import CredentialsRefused
from .flight import METRES_PER_DEGREE, Home
from .gateway import first
from .options import Options

CONNECTS_PER_SECOND = 20
STATUS_EVERY = 5.0
#: Metres from one place to the next: a dock's survey takes 800 by 700.
SPACING = 2_000.0


class Fleet:
    """`run` ends by cancelling, or when the broker has refused all of them. What ends one does not end the others."""

    def __init__(self, gateways: Sequence[Options], say: Callable[[str], None]) -> None:
        self.say = say
        #: What was refused or failed, with the devices' names left out → how often.
        self.troubles: Counter[str] = Counter()
        self.devices = [self._make(options) for options in gateways]
        self.docks = [device for device in self.devices if isinstance(device, Dock)]
        self._started, self._cpu_at_start = time.monotonic(), time.process_time()

    def _make(self, options: Options) -> Device:
        def listen(text: str) -> None:
            if " ✗ " in text or " no reply " in text:
                self.troubles[without_names(text, options)] += 1

        return Dock(options, listen) if isinstance(options, DockOptions) else Controller(options, listen)

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._run_all()), asyncio.create_task(self._tell())]
        try:
            # Waiting for tasks does not cancel them, so that the summary still finds the connections.
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            self.say(self.summary())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_all(self) -> None:
        async with asyncio.TaskGroup() as running:
            for device in self.devices:
                running.create_task(self._run_one(device))
                await asyncio.sleep(1 / CONNECTS_PER_SECOND)

    async def _run_one(self, device: Device) -> None:
        try:
            await device.run()
        except CredentialsRefused as refusal:
            self.troubles[f"connect ✗ the broker refuses the account: {refusal}"] += 1
        except Exception as error:
            cause = first(error) if isinstance(error, ExceptionGroup) else error
            self.troubles[without_names(f"ended ✗ {type(cause).__name__}: {cause}", device.options)] += 1

    # --- telling ------------------------------------------------------------------------------------------------------
    async def _tell(self) -> None:
        at, sent = time.monotonic(), 0
        while True:
            await asyncio.sleep(STATUS_EVERY)
            before, at = at, time.monotonic()
            self.say(self.status((self.messages - sent) / (at - before)))
            sent = self.messages

    @property
    def messages(self) -> int:
        return sum(device.messages for device in self.devices)

    def status(self, rate: float) -> str:
        """`rate`: messages per second."""
        connected = [device for device in self.devices if device.connected]
        flying = sum(device.present and device.moment.airborne for device in connected)
        docks = f"docks bound {sum(dock.bound for dock in self.docks)}/{len(self.docks)}, " if self.docks else ""
        text = f"connected {len(connected)}/{len(self.devices)}, {docks}flying {flying}, {rate:.0f} messages/s"
        return text + "".join(f"; {count} times {trouble}" for trouble, count in self.troubles.most_common())

    def summary(self) -> str:
        seconds = max(time.monotonic() - self._started, 0.001)
        cpu = (time.process_time() - self._cpu_at_start) / seconds
        own = f"{self.messages} messages in {seconds:.0f} s, {cpu:.0%} of one processor core here"
        return f"summary: {self.status(self.messages / seconds)} ({own})"


def without_names(text: str, options: Options) -> str:
    """What a device says, so that equal things said by different devices are equal."""
    return text.replace(options.aircraft_sn, "aircraft").replace(options.sn, "gateway")


def place(number: int, middle: Home, shift: float = 0.0) -> Home:
    """Where number 0, 1, 2… lives: in a grid that grows in a spiral, so that nobody moves when it gets larger.

    `shift`: in places, to the north-east.
    """
    east, north = (cell + shift for cell in _spiral(number))
    degree_east = METRES_PER_DEGREE * math.cos(math.radians(middle.latitude))
    return Home(
        middle.latitude + north * SPACING / METRES_PER_DEGREE,
        middle.longitude + east * SPACING / degree_east,
        middle.height,
    )


def _spiral(number: int) -> tuple[int, int]:
    ring = (math.isqrt(number) + 1) // 2
    if ring == 0:
        return 0, 0
    side, along = divmod(number - (2 * ring - 1) ** 2, 2 * ring)
    return [
        (ring, along - ring + 1),
        (ring - 1 - along, ring),
        (-ring, ring - 1 - along),
        (along - ring + 1, -ring),
    ][side]
