"""One simulated device from the command line: its options, or those of the demo, as the simulator takes them."""

import re
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

from django.conf import settings

from mqtt_bridge.simulator import demo
from mqtt_bridge.simulator.controller import Controller
from mqtt_bridge.simulator.device import Device
from mqtt_bridge.simulator.dock import Dock, DockOptions
from mqtt_bridge.simulator.endpoint import Endpoint
from mqtt_bridge.simulator.flight import Home
from mqtt_bridge.simulator.misbehave import Misbehaviour
from mqtt_bridge.simulator.options import Options

MODEL_KEY = re.compile(r"\d+-\d+-\d+")
SN = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Where the demo's dock stands, in degrees.
DOCK_LATITUDE, DOCK_LONGITUDE = 46.9561, 7.4822


def add_parsers(kinds: Any) -> None:
    """The sub-commands dock, controller and pilot."""
    dock = kinds.add_parser("dock", help="a dock with its aircraft, from config and binding to OSD")
    _add_common(dock, model="3-2-0", aircraft_model="0-91-1", latitude=DOCK_LATITUDE, longitude=DOCK_LONGITUDE)
    dock.add_argument("--organization-id", default="", help="as the operator types it into Pilot")
    dock.add_argument("--bind-code", default="", help="device binding code")
    dock.add_argument("--callsign", default="", help="default: the SN")
    controller = kinds.add_parser("controller", help="a remote controller with its aircraft")
    _add_common(controller, model="2-144-0", aircraft_model="0-77-1", latitude=46.9618, longitude=7.4705)
    pilot = kinds.add_parser("pilot", help="DJI Pilot 2 and its page, from the log-in to the exit")
    _add_common(pilot, model="2-144-0", aircraft_model="0-77-1", latitude=46.9702, longitude=7.4611)
    pilot.add_argument("--url", default=settings.PUBLIC_URL, help="the platform, default %(default)s")
    pilot.add_argument("--workspace", default="", metavar="ID", help="of several; default: the first one")
    pilot.add_argument("--unnamed", action="store_true", help="ask for a broker account without naming the SN")
    pilot.add_argument("--stay", action="store_true", help="end without leaving the platform, like a killed app")


def make(options: dict[str, Any]) -> Callable[[Callable[[str], None]], Device]:
    """What makes the device that the command line asks for. Raises ValueError with a sentence."""
    if options["demo"]:
        _take_demo(options)
    return {"dock": _dock, "controller": _controller, "pilot": _pilot}[options["kind"]](options)


def _add_common(parser: ArgumentParser, *, model: str, aircraft_model: str, latitude: float, longitude: float) -> None:
    parser.add_argument("--demo", action="store_true", help="take everything from DATA_DIR/demo.json")
    parser.add_argument("--sn", help="serial number, also the MQTT client id")
    parser.add_argument("--aircraft-sn", help="default: derived from --sn")
    parser.add_argument("--model", default=model, help="model key, default %(default)s; unknown ones are welcome")
    parser.add_argument("--aircraft-model", default=aircraft_model, help="model key, default %(default)s")
    parser.add_argument("--host", default=settings.MQTT_HOST, help="MQTT broker, default %(default)s")
    parser.add_argument("--port", type=int, default=settings.MQTT_PORT, help="default %(default)s")
    parser.add_argument("--username", default="", help="of the broker account; a pilot's are those of the log-in")
    parser.add_argument("--password", default="")
    parser.add_argument("--tls", action="store_true", help="check the broker's certificate as a device does")
    parser.add_argument("--tls-ca", metavar="FILE", help="with --tls: trust this authority instead of the system's")
    parser.add_argument("--tls-cert", metavar="FILE", help="with --tls: the device's own certificate, from device_ca")
    parser.add_argument("--tls-key", metavar="FILE", help="and its key")
    parser.add_argument("--latitude", type=float, default=latitude)
    parser.add_argument("--longitude", type=float, default=longitude)
    parser.add_argument("--speedup", type=float, default=1.0, help="flies so many times faster; message rates stay")
    parser.add_argument("--seed", type=int, help="of the flight path; default: derived from the SN")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="stop after this time")
    parser.add_argument("--leave-after", type=float, metavar="SECONDS", help="the aircraft leaves the topology")
    parser.add_argument("--return-after", type=float, metavar="SECONDS", help="and returns so long after leaving")
    parser.add_argument(
        "--misbehave", default="", metavar="LIST", help="of duplicates,reordering,garbage,unknown,skew=MILLISECONDS"
    )


def _take_demo(options: dict[str, Any]) -> None:
    if options["kind"] == "pilot":
        pilot = demo.read_pilot(Path(settings.DATA_DIR) / "demo.json")
        known = {"url": pilot.url, "username": pilot.username, "password": pilot.password}
        options |= known | {"sn": options["sn"] or "DEMO-PILOT-RC"}
        return
    gateway = demo.read(Path(settings.DATA_DIR) / "demo.json", "3" if options["kind"] == "dock" else "2")
    options |= {
        "sn": gateway.sn,
        "model": gateway.model_key,
        "host": gateway.host,
        "port": gateway.port,
        "username": gateway.username,
        "password": gateway.password,
        "organization_id": gateway.organization_id,
        "bind_code": gateway.bind_code,
    }


def _common(options: dict[str, Any]) -> dict[str, Any]:
    """What both kinds of gateway take. Raises ValueError with a sentence."""
    if not options["sn"]:
        raise ValueError("Give the gateway's serial number with --sn, or use --demo.")
    options["aircraft_sn"] = options["aircraft_sn"] or demo.aircraft_sn(options["sn"])
    for option in ("sn", "aircraft_sn"):
        if not SN.fullmatch(options[option]):
            raise ValueError(f"{options[option]!r} is no serial number: it has to fit into an MQTT topic.")
    for option in ("model", "aircraft_model"):
        if not MODEL_KEY.fullmatch(options[option]):
            raise ValueError(f"{options[option]!r} is no model key; it looks like 3-2-0.")
    seed = crc32(options["sn"].encode()) if options["seed"] is None else options["seed"]
    ca_file, certificate = options["tls_ca"], (options["tls_cert"], options["tls_key"])
    if any(certificate) and not all(certificate):
        raise ValueError("--tls-cert and --tls-key go together.")
    for path in (ca_file, *certificate):
        if path and not Path(path).is_file():
            raise ValueError(f"{path} does not exist.")
    return {
        "sn": options["sn"],
        "model_key": options["model"],
        "aircraft_sn": options["aircraft_sn"],
        "aircraft_model_key": options["aircraft_model"],
        "endpoint": Endpoint(
            options["host"],
            options["port"],
            options["username"],
            options["password"],
            options["tls"],
            ca_file,
            (options["tls_cert"], options["tls_key"]) if options["tls_cert"] else None,
        ),
        "home": Home(options["latitude"], options["longitude"]),
        "seed": seed,
        "speedup": options["speedup"],
        "leave_after": options["leave_after"],
        "return_after": options["return_after"],
        "misbehaviour": Misbehaviour.parse(options["misbehave"], seed),
    }


def _dock(options: dict[str, Any]) -> Callable[[Callable[[str], None]], Device]:
    typed = {name: options[name] for name in ("organization_id", "bind_code", "callsign")}
    dock_options = DockOptions(**_common(options), **typed)
    return lambda say: Dock(dock_options, say)


def _controller(options: dict[str, Any]) -> Callable[[Callable[[str], None]], Device]:
    controller_options = Options(**_common(options))
    return lambda say: Controller(controller_options, say)


def _pilot(options: dict[str, Any]) -> Callable[[Callable[[str], None]], Device]:
    # Not in every process that simulates: only this one needs a WebSocket client.
    from mqtt_bridge.simulator.pilot import Pilot, PilotOptions

    log_in = {name: options[name] for name in ("url", "username", "password", "unnamed", "stay")}
    pilot_options = PilotOptions(**_common(options), **log_in, workspace_id=options["workspace"])
    return lambda say: Pilot(pilot_options, say)
