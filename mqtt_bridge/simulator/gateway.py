"""What every simulated gateway does: it stays connected, asks, tells, and refuses commands."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from .endpoint import SessionEnded
from .envelope import Body, Clock, Ids, envelope, thing_topic
from .link import Link
from .options import Options

LONGEST_WAIT = 30.0
#: `result` of a command that the simulator does not carry out: "operation not supported".
NOT_SUPPORTED = 314000


class Gateway:
    """`run` ends only with CredentialsRefused or by cancelling. Subclasses say what a session consists of."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self.options = options
        self.sn = options.sn
        self.clock = Clock(options.misbehaviour.skew_ms)
        self.say = say
        self.link: Link
        self.connected = False
        #: Telemetry, and requests with their repetitions, since the start.
        self.messages = 0
        self.random = random.Random(f"{options.seed} {options.sn}")
        self.sent: dict[str, int] = {}
        #: Connections since the last one that was of use.
        self.attempt = 0
        self._started = asyncio.get_running_loop().time()

    async def session(self) -> None:
        """What is done over one connection, until it ends."""
        raise NotImplementedError

    # --- connection ---------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        while True:
            self.link = Link(self.options.endpoint, self.sn, self.options.misbehaviour, self._command)
            try:
                await self.link.connect()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.link.watch())
                    tasks.create_task(self.session())
            except* SessionEnded as ended:
                self.say(f"connection ✗ {first(ended)}")
            finally:
                self.connected = False
                await self.link.close()
            # Jitter, or all the devices of a site come back in the same instant.
            delay = min(LONGEST_WAIT, 2.0**self.attempt) * self.random.uniform(0.5, 1.0)
            self.attempt += 1
            self.say(f"connection … again in {delay:.1f} s")
            await asyncio.sleep(delay)

    async def subscribe(self, topics: list[str]) -> None:
        for topic in await self.link.subscribe(topics):
            self.say(f"subscribe ✗ the broker refuses {topic}")

    # --- asking -------------------------------------------------------------------------------------------------------
    async def ask(self, topic: str, method: str, data: Any) -> Any:
        """The `data` of the reply. Raises NoReply or LinkLost."""
        ids = Ids()

        def body() -> Body:
            self.messages += 1
            return envelope(data, clock=self.clock, gateway_sn=self.sn, ids=ids, method=method)

        def silence(attempt: int) -> None:
            self.say(f"{method} … no reply to try {attempt}")

        reply = await self.link.ask(topic, body, silence)
        if reply.get("method", method) != method:
            self.say(f"{method} ! the reply says method {reply['method']!r}")
        return reply.get("data")

    async def request(self, method: str, data: Any) -> Any:
        return await self.ask(thing_topic(self.sn, "requests"), method, data)

    def tell(self, sn: str, kind: str, data: Any, ids: Ids | None = None, **more: Any) -> None:
        """Publishes osd, state or events of the gateway or of its aircraft."""
        self.link.publish(thing_topic(sn, kind), envelope(data, clock=self.clock, gateway_sn=self.sn, ids=ids, **more))
        key = f"{'gateway' if sn == self.sn else 'aircraft'} {kind}"
        self.messages += 1
        self.sent[key] = self.sent.get(key, 0) + 1

    def _command(self, topic: str, body: Body) -> None:
        """Services and property/set: answered, never carried out."""
        self.say(f"command ✗ {body.get('method', topic)}: not supported by the simulator")
        with contextlib.suppress(SessionEnded):
            reply: Body = {key: body[key] for key in ("tid", "bid", "method") if key in body}
            reply |= {"timestamp": self.clock.now_ms(), "gateway": self.sn, "data": {"result": NOT_SUPPORTED}}
            self.link.publish(f"{topic}_reply", reply)

    # --- time ---------------------------------------------------------------------------------------------------------
    @property
    def seconds(self) -> float:
        """Since the start, across reconnections."""
        return asyncio.get_running_loop().time() - self._started

    async def every(self, seconds: float) -> AsyncIterator[None]:
        """Ticks at a fixed rate, out of step with other devices."""
        loop = asyncio.get_running_loop()
        tick = loop.time() + self.random.uniform(0, seconds / 4)
        while True:
            await asyncio.sleep(max(0.0, tick - loop.time()))
            yield
            tick = max(tick + seconds, loop.time())


def first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
