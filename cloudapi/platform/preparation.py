"""Everything that happens before a process starts: settings, database, static files, demo tenant, server files."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudapi.platform import BASE_DIR, PlatformError, environment, ports, processes, servers
from cloudapi.platform.console import say, tail
from cloudapi.platform.environment import Wishes
from cloudapi.platform.processes import Process


@dataclass(frozen=True)
class Prepared:
    #: The environment of every process.
    variables: Mapping[str, str]
    #: What `manage.py demo --json` printed.
    demo: Mapping[str, Any]
    servers: list[Process]


def prepare(asked: Wishes) -> Prepared:
    """Raises:
    PlatformError: a port is taken, or a step failed.
    """
    ports.require_free("HTTP_PORT", asked.bind_address, asked.http_port)
    ports.require_free("MQTT_PORT", asked.mqtt_address, asked.mqtt_port)
    for name, port in asked.tls_ports:
        ports.require_free(name, asked.bind_address, port)
    (asked.data_dir / "logs").mkdir(exist_ok=True)
    mosquitto = choose_mosquitto()
    if asked.tls and mosquitto is None:
        raise PlatformError("MQTT_TLS_CERT is set, but amqtt has no TLS here: install Mosquitto, or unset it.")
    say(f"Preparing {asked.data_dir} …")
    variables = {
        **environment.prepare(asked, "dynsec" if mosquitto else "amqtt"),
        **os.environ,
        "DATA_DIR": str(asked.data_dir),
        "HTTP_PORT": str(asked.http_port),
        "MQTT_PORT": str(asked.mqtt_port),
        **asked.tls,
        "MQTT_BROKER": "dynsec" if mosquitto else "amqtt",
        "PYTHONUNBUFFERED": "1",
    }
    manage(variables, "migrate", "--no-input", "-v", "0")
    manage(variables, "collectstatic", "--no-input", "-v", "0")
    demo = json.loads(manage(variables, "demo", "--json"))
    valkey = servers.valkey(variables["REDIS_URL"], asked.data_dir / "valkey")
    if mosquitto is None:
        broker = processes.amqtt(asked.mqtt_address, asked.mqtt_port)
    else:
        directory = asked.data_dir / "mosquitto"
        broker = servers.mosquitto(mosquitto, f"{asked.mqtt_port} {asked.mqtt_address}", directory)
        manage(variables, "broker_accounts", "--write", str(directory / servers.DYNSEC_FILE))
        manage(variables, "broker_tls", "--write", str(directory / servers.TLS_FILE), "--address", asked.bind_address)
    return Prepared(variables, demo, [valkey, broker])


def choose_mosquitto() -> servers.Mosquitto | None:
    """Mosquitto if it is on PATH with its dynamic security plugin; else None, which means amqtt, and says so."""
    binary = shutil.which("mosquitto")
    if os.environ.get("MQTT_BROKER") == "amqtt":
        reason = "MQTT_BROKER=amqtt"
    elif binary is None:
        reason = "mosquitto is not on PATH"
        if found := shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin"):
            reason += f", though {found} exists"
    elif (plugin := servers.dynsec_plugin(binary)) is None:
        reason = f"{servers.DYNSEC_PLUGIN} of {binary} was not found"
    else:
        return servers.Mosquitto(binary, plugin)
    say(
        f"The MQTT broker is amqtt ({reason}). It speaks MQTT 3.1.1 only and is for trying things out: "
        "install Mosquitto before you connect real devices."
    )
    return None


def manage(variables: Mapping[str, str], *arguments: str) -> str:
    """Runs a management command to its end and returns its standard output.

    Raises:
        PlatformError: it failed.
    """
    log = Path(variables["DATA_DIR"]) / "logs" / "setup.log"
    with log.open("ab") as errors:
        done = subprocess.run(
            processes.bound_to_parent(processes.manage(*arguments)),
            env=dict(variables),
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            check=False,
        )
    if done.returncode:
        raise PlatformError(f"`manage.py {' '.join(arguments)}` failed. " + tail(log))
    return done.stdout.decode()
