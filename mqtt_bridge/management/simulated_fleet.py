"""`manage.py simulate fleet`: makes what a fleet needs on this platform, then runs it, or takes it away again."""

import asyncio
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any
from zlib import crc32

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from mqtt_bridge import broker_access, demo, fleet
from mqtt_bridge.management.simulated_device import DOCK_LATITUDE, DOCK_LONGITUDE
from mqtt_bridge.models import MqttCredential
from mqtt_bridge.simulator.dock import DockOptions
from mqtt_bridge.simulator.endpoint import Endpoint
from mqtt_bridge.simulator.fleet import Fleet, place
from mqtt_bridge.simulator.flight import Home
from mqtt_bridge.simulator.options import Options
from mqtt_bridge.simulator.running import run_until_stopped
from workspaces import services
from workspaces.management.output import workspace_by_id
from workspaces.models import Workspace

Say = Callable[[str], None]
DOCKS_AIRCRAFT, CONTROLLERS_AIRCRAFT = "0-91-1", "0-77-1"
#: The demo's dock, around which the fleet is spread.
MIDDLE = Home(DOCK_LATITUDE, DOCK_LONGITUDE)

DESCRIPTION = """\
Runs many docks and controllers with their aircraft in one process, on the platform's machine and
with its settings.

The first run makes the accounts FLEET-DOCK-0001…, FLEET-RC-0001…, lets the controllers join the
workspace, and issues a bind code with which the docks join by themselves; a later run takes up what
is there. --remove takes all of it away. Run one fleet at a time: each device can be connected once.

Mosquitto writes all its accounts anew for each new one: 100 are made within seconds, but beside
2,000 each takes 0.13 s, and no messages are carried meanwhile. For thousands, run this once while
the broker is stopped (the database has to run): the accounts are stored, and the broker gets all of
them at once from `broker_accounts --write`, which `make run` and the compose file call before they
start it. Then run it again."""


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > fleet.MOST:
        raise ArgumentTypeError(f"{text!r} is no number from 0 to {fleet.MOST}")
    return int(text)


def add_parser(kinds: Any) -> None:
    """The sub-command fleet."""
    parser = kinds.add_parser(
        "fleet",
        help="many docks and controllers of one workspace, to look at",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--docks", type=_count, default=30, metavar="N", help="default %(default)s")
    parser.add_argument("--controllers", type=_count, default=10, metavar="N", help="default %(default)s")
    parser.add_argument("--workspace", default="", metavar="ID", help="default: the demo's (DATA_DIR/demo.json)")
    parser.add_argument("--speedup", type=float, default=1.0, help="flies so many times faster; message rates stay")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="stop after this time")
    parser.add_argument(
        "--remove", action="store_true", help="end the fleet's accounts, release and forget its devices"
    )


def handle(options: dict[str, Any], say: Say) -> None:
    """Raises CommandError."""
    workspace = _workspace(options["workspace"])
    if options["remove"]:
        _remove(workspace, say)
        return
    if not options["docks"] + options["controllers"]:
        raise CommandError("A fleet without docks and controllers is none: give --docks or --controllers.")
    try:
        prepared = fleet.prepare(workspace=workspace, docks=options["docks"], controllers=options["controllers"])
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
    say(f"{options['docks']} docks, {options['controllers']} controllers in {workspace}; new: {len(prepared.new)}")
    gateways = simulated(prepared, workspace, options["speedup"])
    try:
        fleet.push(prepared.new)
        asyncio.run(run_until_stopped(lambda: Fleet(gateways, say), options["duration"]))
    except broker_access.BrokerUnreachable as error:
        raise CommandError(f"{error} The accounts are stored: start the platform, then run this again.") from error
    except broker_access.BrokerAccessError as error:
        raise CommandError(f"The accounts are stored, but do not work yet. {error}") from error
    finally:
        if prepared.bind_code is not None:
            services.revoke_bind_code(bind_code=prepared.bind_code.bind_code)


def simulated(prepared: fleet.Fleet, workspace: Workspace, speedup: float) -> list[Options]:
    """What the simulator has to know of each: docks in a grid, controllers between them."""
    code = prepared.bind_code.code if prepared.bind_code is not None else ""
    docks: list[Options] = [
        DockOptions(
            **_common(account, speedup),
            model_key=fleet.DOCK_MODEL,
            aircraft_model_key=DOCKS_AIRCRAFT,
            home=place(number, MIDDLE),
            organization_id=workspace.organization.organization_id,
            bind_code=code,
            callsign=f"Fleet dock {number:03d}",
        )
        for number, account in enumerate(prepared.docks, start=1)
    ]
    return docks + [
        Options(
            **_common(account, speedup),
            model_key=fleet.CONTROLLER_MODEL,
            aircraft_model_key=CONTROLLERS_AIRCRAFT,
            home=place(number, MIDDLE, shift=0.5),
        )
        for number, account in enumerate(prepared.controllers)
    ]


def _common(account: MqttCredential, speedup: float) -> dict[str, Any]:
    seed = crc32(account.gateway_sn.encode())  # 32 bits
    return {
        "sn": account.gateway_sn,
        "aircraft_sn": fleet.aircraft_sn(account.gateway_sn),
        "endpoint": Endpoint(
            settings.MQTT_HOST, settings.MQTT_PORT, account.username, account.password, tls=settings.MQTT_TLS
        ),
        "seed": seed,
        "speedup": speedup,
        # Or all of them would take off in the same moment.
        "head_start": seed / 2**32,
    }


def _workspace(named: str) -> Workspace:
    workspace_id = named or demo.workspace_id()
    if workspace_id is None:
        raise CommandError("There is no demo (DATA_DIR/demo.json): name the fleet's workspace with --workspace ID.")
    return workspace_by_id(workspace_id)


def _remove(workspace: Workspace, say: Say) -> None:
    ended = fleet.remove_accounts(workspace)
    problem = ""
    try:
        broker_access.remove([account.username for account in ended])
    except broker_access.BrokerAccessError as error:
        problem = f"The broker will end them when the platform finds it again: {error}"
    released = fleet.remove_devices(workspace, [account.gateway_sn for account in ended])
    say(f"removed from {workspace}: {len(ended)} accounts, {released} devices")
    if problem:
        raise CommandError(problem)
