"""DJI Pilot 2 on a controller, with the page in its webview: from the log-in to the exit, with everything between."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from .cloud import Cloud, PlatformRefused, TokenEnded, Unreachable
from .controller import Controller
from .device import SUMMARY_EVERY
from .endpoint import CredentialsRefused, Endpoint
from .gateway import first
from .options import Options

BIND_AGAIN, CONNECT_AGAIN = 2.0, 5.0
#: The code of a binding that comes before the topology.
NOT_YET = -1
#: How the platform closes a socket whose token has ended; a refused handshake is HTTP 403.
ACCESS_ENDED = 4401
ASK_TOPOLOGY = ("device_online", "device_offline", "device_update_topo")


@dataclass(slots=True)
class PilotOptions(Options):
    url: str = ""
    username: str = ""
    password: str = ""
    workspace_id: str = ""
    #: Ask for an account without naming the controller, as pages of other vendors do.
    unnamed: bool = False
    #: End like an app that is killed, without leaving the platform.
    stay: bool = False


class Pilot(Controller):
    """`run` ends with CredentialsRefused, or with Unreachable, TokenEnded or PlatformRefused of a step of the page."""

    options: PilotOptions

    def __init__(self, options: PilotOptions, say: Callable[[str], None]) -> None:
        super().__init__(options, say)
        self.cloud = Cloud(options.url, options.endpoint.ca_file)
        self.topology: list[dict[str, Any]] = []
        self.frames: Counter[str] = Counter()

    async def run(self) -> None:
        reason: BaseExceptionGroup[Exception] | None = None
        try:
            await self._log_in()
            await self._prepare()
            async with asyncio.TaskGroup() as tasks:
                for part in (super().run(), self._bind(), self._listen()):
                    tasks.create_task(part)
        except* (CredentialsRefused, PlatformRefused, TokenEnded, Unreachable) as ended:
            reason = ended
        finally:
            await self._leave()
        if reason is not None:
            raise first(reason)

    # --- the page -----------------------------------------------------------------------------------------------------
    async def _log_in(self) -> None:
        self.cloud.token = ""
        body = {"username": self.options.username, "password": self.options.password, "flag": 2}
        wanted = {"workspace_id": self.options.workspace_id} if self.options.workspace_id else {}
        answer = await self.cloud.post("/login", body | wanted)
        self.cloud.token, self.workspace_id = answer["access_token"], answer["workspace_id"]
        self.say(f"login ✓ {answer['username']}, {len(answer.get('workspaces', []))} workspaces")

    async def _prepare(self) -> None:
        licence = await self.cloud.get("/pilot/license")
        self.say(f"license ✓ App ID {licence['app_id']}")
        workspace = await self.cloud.get("/workspaces/current")
        self.say(f"workspace ✓ {workspace['workspace_name']} on {workspace['platform_name']}")
        if self.options.unnamed:
            account = await self.cloud.get("/users/current")
        else:
            account = await self.cloud.post("/users/current/mqtt", {"gateway_sn": self.sn})
        address = urlsplit(account["mqtt_addr"])
        if not account["mqtt_username"] or address.scheme not in ("tcp", "ssl") or not address.hostname:
            raise Unreachable(f"No broker account that can be used here: {account['mqtt_addr']}")
        tls, ca_file = address.scheme == "ssl", self.options.endpoint.ca_file
        self.options.endpoint = Endpoint(
            address.hostname, address.port or (8883 if tls else 1883), account["mqtt_username"],
            account["mqtt_password"], tls, ca_file,
        )  # fmt: skip
        self.say(f"credentials ✓ {account['mqtt_username']} at {account['mqtt_addr']}")

    async def _bind(self) -> None:
        """The topology travels by MQTT meanwhile, so the first tries may come too early."""
        for attempt in range(1, 1_000_000):
            try:
                await self._with_token(lambda: self.cloud.post(f"/devices/{self.sn}/binding", {"device_sn": self.sn}))
            except PlatformRefused as refusal:
                if refusal.code != NOT_YET:
                    raise
            except Unreachable as error:
                self.say(f"binding … {error}")
            else:
                self.say(f"binding ✓ after {attempt} tries")
                return
            await asyncio.sleep(BIND_AGAIN)

    async def _leave(self) -> None:
        if self.options.stay or not self.cloud.token:
            return
        with contextlib.suppress(TokenEnded, PlatformRefused, Unreachable):
            await self.cloud.post("/logout")
            self.say("exit ✓ token and broker account have ended")

    async def _with_token(self, ask: Callable[[], Any]) -> Any:
        """Logs in again once when the token has ended."""
        try:
            return await ask()
        except TokenEnded as ended:
            self.say(f"token ✗ {ended}")
            await self._log_in_again()
            return await ask()

    async def _log_in_again(self) -> None:
        """Over a link that is up. Binding again lets the broker account end with the new log-in, not the old one."""
        await self._log_in()
        await self._bind()

    # --- Pilot's modules: socket and situation awareness --------------------------------------------------------------
    async def _listen(self) -> None:
        while True:
            try:
                async with connect(self.cloud.socket_url, ssl=self.cloud.tls) as socket:
                    self.say("websocket ✓ connected")
                    await self._ask_topology()
                    await self._hear(socket)
            except (InvalidHandshake, ConnectionClosed, OSError) as error:
                self.say(f"websocket ✗ {error}")
                refused = isinstance(error, InvalidStatus) and error.response.status_code == 403
                ended = isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == ACCESS_ENDED
                if refused or ended:
                    await self._log_in_again()
            await asyncio.sleep(CONNECT_AGAIN)

    async def _hear(self, socket: Any) -> None:
        loop = asyncio.get_running_loop()
        next_summary = loop.time() + SUMMARY_EVERY
        async for text in socket:
            frame = json.loads(text)
            code = frame["biz_code"]
            self.frames[code] += 1
            if code in ASK_TOPOLOGY:
                self.say(f"websocket ✓ {code} {frame['data'].get('sn', '')}".rstrip())
                await self._ask_topology()
            if loop.time() >= next_summary:
                heard = ", ".join(f"{count} {name}" for name, count in sorted(self.frames.items()))
                self.say(f"websocket ✓ {heard}")
                next_summary += SUMMARY_EVERY

    async def _ask_topology(self) -> None:
        path = f"/workspaces/{self.workspace_id}/devices/topologies"
        try:
            self.topology = (await self._with_token(lambda: self.cloud.get(path)))["list"]
        except (Unreachable, PlatformRefused) as error:
            self.say(f"topologies ✗ {error}")
            return
        shown = [each for pair in self.topology for each in (*pair["parents"], *pair["hosts"])]
        online = sum(each["online_status"] for each in shown)
        self.say(f"topologies ✓ {len(shown)} devices, {online} online")
