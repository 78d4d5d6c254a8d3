"""Pilot 2 as a page in its web view sees it: the functions of DJI's JSBridge, with real MQTT and WebSocket behind them.

The native side lives in this process and outlives the page. `calls` lists what the page has called, in its order.
"""

import json
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any
from urllib.error import HTTPError

from playwright.sync_api import BrowserContext, Route

from tests.live.pilot.bridge_server import BridgeServer
from tests.live.pilot.native_link import SocketLink, ThingLink

NEEDS_NO_LICENCE = ("platformVerifyLicense", "platformIsVerified", "platformStopSelf", "platformGetVersion")


@dataclass
class Switches:
    """What goes wrong. `answers`: "strings" as published, or "odd" for all that is seen besides."""

    licence_refused: bool = False
    no_aircraft: bool = False
    mqtt_refused: bool = False
    silent_callbacks: bool = False
    answers: str = "strings"


@dataclass
class FakePilot:
    """One controller with DJI Pilot 2. `install` puts it into a browser context; `stop` ends it."""

    sn: str
    aircraft_sn: str
    switches: Switches = field(default_factory=Switches)
    calls: list[tuple[str, list[Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.callbacks: list[dict[str, Any]] = []
        self.called_back = Condition()
        self.stopped_itself = False
        self.topologies: Any = None
        self._forget()
        self._server = BridgeServer(self.call, self.callbacks_after)

    # --- for tests ----------------------------------------------------------------------------------------------------
    def install(self, context: BrowserContext) -> None:
        script = Path(__file__).with_name("fake_bridge.js").read_text()
        names = [name for name in dir(self) if name.startswith(("platform", "api", "thing", "ws")) and name[-1] != "_"]
        names = [name for name in names if callable(getattr(self, name))]
        script = script.replace("__NATIVE__", self._server.address)
        context.add_init_script(script.replace("__NAMES__", json.dumps(names)))
        context.route("**/pilot*/**", self._let_in)

    def _let_in(self, route: Route) -> None:
        """The fake's native side is a server of its own, which the page's policy would not let it speak to."""
        if route.request.resource_type != "document":
            route.fallback()
            return
        answer = route.fetch()
        policy = answer.headers["content-security-policy"]
        allowed = policy.replace("connect-src ", f"connect-src {self._server.address} ")
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": allowed})

    @property
    def order(self) -> list[str]:
        """The calls that change something, each with the module that it is about."""
        return [
            f"{name} {args[0]}" if name.endswith("Component") else name
            for name, args in self.calls
            if not name.startswith(("platformIs", "platformGet", "apiGet", "thingGet", "wsGet"))
        ]

    def loaded(self, name: str) -> dict[str, Any]:
        """The parameters that a module was loaded with."""
        return self.components[name]

    def kill(self) -> None:
        """Android has ended the app: everything native is gone, the web view's storage is not."""
        if self.thing:
            self.thing.vanish()
        if self.ws:
            self.ws.stop()
        self._forget()

    def stop(self) -> None:
        self._end_links()
        self._server.stop()

    def _forget(self) -> None:
        self.verified = False
        self.workspace_id = ""
        self.information: list[str] = []
        self.components: dict[str, dict[str, Any]] = {}
        self.thing: ThingLink | None = None
        self.ws: SocketLink | None = None

    def _end_links(self) -> None:
        if self.thing:
            self.thing.stop()
        if self.ws:
            self.ws.stop()
        self.thing = self.ws = None

    # --- the bridge ---------------------------------------------------------------------------------------------------
    def call(self, name: str, args: list[Any]) -> Any:
        self.calls.append((name, args))
        if not self.verified and name not in NEEDS_NO_LICENCE:
            return json.dumps({"code": 613001, "message": "license is not verified", "data": {}})
        return self._spoken(getattr(self, name)(*args))

    def _spoken(self, result: Any) -> Any:
        code, message, data = result if isinstance(result, tuple) else (0, "success", result)
        if self.switches.answers == "odd" and code == 0:
            # Bare booleans, "true" inside the envelope, an object instead of a string, nothing at all.
            odd = {True: True, False: json.dumps({"code": 0, "message": "", "data": "false"})}
            if isinstance(data, bool):
                return odd[data]
            return {"code": 0, "message": "success", "data": data} if data else None
        return json.dumps({"code": code, "message": message, "data": {} if data == "" else data})

    def _call_back(self, name: str, up: bool) -> None:
        if not self.switches.silent_callbacks:
            odd = self.switches.answers == "odd"
            argument = json.dumps({"code": 0, "data": up}) if odd else up
            with self.called_back:
                self.callbacks.append({"name": name, "argument": argument})
                self.called_back.notify_all()

    def callbacks_after(self, after: str) -> dict[str, Any]:
        """Those since the page's last question, waiting a while for one; the first question gets none."""
        with self.called_back:
            start = int(after) if after else len(self.callbacks)
            if after:
                self.called_back.wait_for(lambda: len(self.callbacks) > start, 0.5)
            return {"after": str(len(self.callbacks)), "callbacks": self.callbacks[start:]}

    def platformVerifyLicense(self, app_id: str, app_key: str, licence: str) -> Any:
        self.verified = bool(app_id and app_key and licence) and not self.switches.licence_refused
        return True if self.verified else (612001, "license verify failed", False)

    def platformIsVerified(self) -> Any:
        return self.verified

    def platformSetWorkspaceId(self, workspace_id: str) -> Any:
        self.workspace_id = workspace_id
        return ""

    def platformSetInformation(self, platform_name: str, workspace_name: str, description: str) -> Any:
        self.information = [platform_name, workspace_name, description]
        return True

    def platformGetRemoteControllerSN(self) -> Any:
        return self.sn

    def platformGetAircraftSN(self) -> Any:
        return (-1, "device not connect", "") if self.switches.no_aircraft else self.aircraft_sn

    def platformIsComponentLoaded(self, name: str) -> Any:
        return name in self.components

    def platformLoadComponent(self, name: str, parameters: str) -> Any:
        self.components[name] = json.loads(parameters)
        if name == "thing":
            given = self.components[name]
            self._connect_thing(given["username"], given["password"], given["connectCallback"])
        elif name == "ws":
            given = self.components[name]
            self.wsConnect(given["host"], given["token"], given["connectCallback"])
        elif name == "tsa":
            self.topologies = self._get(f"/manage/api/v1/workspaces/{self.workspace_id}/devices/topologies")
        return ""

    def platformUnloadComponent(self, name: str) -> Any:
        self.components.pop(name, None)
        if name == "thing":
            self.thingDisconnect()
        if name == "ws" and self.ws:
            self.ws.stop()
            self.ws = None
        return ""

    def platformStopSelf(self) -> Any:
        self.stopped_itself = True
        return ""

    def apiGetToken(self) -> Any:
        if "api" not in self.components:
            return (-1, "api component is not loaded", "")
        return self.components["api"]["token"]

    def apiSetToken(self, token: str) -> Any:
        self.components["api"]["token"] = token
        return ""

    def thingGetConnectState(self) -> Any:
        return bool(self.thing and self.thing.is_connected)

    def thingConnect(self, username: str, password: str, callback: str) -> Any:
        self._connect_thing(username, password, callback)
        return ""

    def thingDisconnect(self) -> Any:
        if self.thing:
            self.thing.stop()
        self.thing = None
        return ""

    def wsGetConnectState(self) -> Any:
        return bool(self.ws and self.ws.is_connected)

    def wsConnect(self, host: str, token: str, callback: str) -> Any:
        self.ws = SocketLink(host, token, lambda up: self._call_back(callback, up))
        return ""

    def _connect_thing(self, username: str, password: str, callback: str) -> None:
        self.thingDisconnect()
        aircraft = "" if self.switches.no_aircraft else self.aircraft_sn
        host = self.components["thing"]["host"]
        self.thing = ThingLink(self.sn, aircraft, host, lambda up: self._call_back(callback, up))
        self.thing.start(username, "wrong" if self.switches.mqtt_refused else password)

    def _get(self, path: str) -> Any:
        """As the native HTTP module asks: host and token as the page has set them."""
        api = self.components["api"]
        request = urllib.request.Request(api["host"] + path, headers={"X-Auth-Token": api["token"]})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  our own platform
                return json.load(answer)
        except HTTPError as error:
            return {"status": error.code}
