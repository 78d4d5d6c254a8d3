"""A whole cloudapi for live tests: the processes of deploy/compose.yml, natively, on free ports."""

import json
import secrets
import signal
from pathlib import Path
from typing import Any

import redis

from cloudapi.platform import ports, probes, processes, servers
from tests import environment
from tests.commands import Commands
from tests.processes import Child, wait_until

HOST = "127.0.0.1"


class Platform:
    """Valkey, Mosquitto, Daphne, mqtt_worker, Celery worker and beat: "valkey", "broker", "web", "mqtt_worker",
    "celery" and "beat".

    `env` is the environment of all of them; a test may start more processes with it.
    """

    def __init__(self, directory: Path, mosquitto: servers.Mosquitto, **variables: str) -> None:
        self.data_dir = directory
        (directory / "logs").mkdir(parents=True, exist_ok=True)
        self.http_port, self.mqtt_port = ports.free(), ports.free()
        self.mqtt_host = HOST
        self.http_url = f"http://{HOST}:{self.http_port}"
        self.redis_url = f"redis://:{secrets.token_hex(16)}@{HOST}:{ports.free()}/0"
        self.env = {
            **environment.clean(),
            "SECRET_KEY": secrets.token_urlsafe(64),
            "FIELD_ENCRYPTION_KEYS": environment.FIELD_ENCRYPTION_KEY,
            "DATA_DIR": str(directory),
            "REDIS_URL": self.redis_url,
            "MQTT_BROKER": "dynsec",
            "MQTT_HOST": HOST,
            "MQTT_PORT": str(self.mqtt_port),
            "MQTT_USERNAME": "cloudapi-server",
            "MQTT_PASSWORD": secrets.token_hex(16),
            "HTTP_PORT": str(self.http_port),
            "PYTHONUNBUFFERED": "1",
            **variables,
        }
        self._commands = Commands(self.env, directory / "logs" / "commands.log")
        all_parts = [
            servers.valkey(self.redis_url, directory / "valkey"),
            servers.mosquitto(mosquitto, f"{self.mqtt_port} {HOST}", directory / "mosquitto"),
            *processes.application(HOST, self.http_port),
        ]
        self.children = {
            part.name: Child(part.argv, directory / "logs" / f"{part.name}.log", env=self.env) for part in all_parts
        }

    # --- start and stop -----------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Migrates, makes the broker's accounts, starts everything and waits until everything answers."""
        self.run("migrate", "--no-input", "-v", "0")
        self.run("broker_accounts", "--write", str(self.data_dir / "mosquitto" / servers.DYNSEC_FILE))
        if "MQTT_TLS_CERT" in self.env:
            self.run("broker_tls", "--write", str(self.data_dir / "mosquitto" / servers.TLS_FILE), "--address", HOST)
        for name in ("valkey", "broker"):
            self.children[name].start()
        self.wait_ready("valkey", "broker")
        for child in self.children.values():
            if not child.is_running:
                child.start()
        self.wait_ready(*self.children)

    def stop(self) -> None:
        for child in reversed(self.children.values()):
            child.stop()
        self._commands.close()

    def start_process(self, name: str) -> None:
        """Starts one again that was killed, and waits until it answers."""
        if name == "mqtt_worker":
            # What a killed worker has left says nothing of the new one.
            with redis.Redis.from_url(self.redis_url) as client:
                client.delete(probes.WORKER_ALIVE_KEY)
        self.children[name].start()
        self.wait_ready(name)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        self.children[name].kill(number)

    def restart(self, name: str) -> None:
        """In good order: SIGTERM, wait for the end, start, wait until it answers."""
        self.children[name].stop()
        self.start_process(name)

    def wait_ready(self, *names: str, seconds: float = 60) -> None:
        for name in names:
            wait_until(lambda name=name: self.answers(name), f"{name} answers\n{self.tails(name)}", seconds)  # type: ignore[misc]

    def answers(self, name: str) -> bool:
        if not self.children[name].is_running:
            raise AssertionError(f"{name} has ended:\n{self.children[name].tail()}")
        match name:
            case "valkey":
                return probes.valkey(self.redis_url)
            case "broker":
                account = self.env["MQTT_USERNAME"], self.env["MQTT_PASSWORD"]
                return probes.broker(HOST, self.mqtt_port, *account)
            case "web":
                return probes.web(HOST, self.http_port)
            case "mqtt_worker":
                return probes.mqtt_worker(self.redis_url)
            case "celery":
                return probes.celery_worker(self.redis_url)
        return True

    # --- commands and logs --------------------------------------------------------------------------------------------
    def run(self, *arguments: str, seconds: float = 120) -> str:
        """Runs `manage.py …` against this platform and returns its standard output.

        Raises:
            CommandFailed: with its standard error.
        """
        return self._commands.run(*arguments, seconds=seconds)

    def manage(self, *arguments: str) -> Any:
        """Runs `manage.py … --json` and returns the object that it printed."""
        return json.loads(self.run(*arguments, "--json"))

    def logs(self, name: str) -> str:
        """All that the process has written."""
        return self.children[name].log.read_text(errors="replace")

    def tails(self, *names: str) -> str:
        return "\n".join(f"--- {name}\n{self.children[name].tail()}" for name in names or self.children)
