"""What the processes of one DATA_DIR are told: secrets that are made once, ports that are asked for at each start."""

import base64
import os
import secrets
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cloudapi.platform import BASE_DIR, PlatformError, ports

#: `make run` starts these servers itself, so an address of another one would be a misunderstanding.
OWN_SERVERS = ("REDIS_URL", "MQTT_HOST", "MQTT_USERNAME", "MQTT_PASSWORD")


TLS_PORTS = ("MQTT_TLS_PORT", "MQTT_CLIENT_AUTH_PORT")
TLS_FILES = ("MQTT_TLS_CERT", "MQTT_TLS_KEY")


@dataclass(frozen=True)
class Wishes:
    """The variables that a person sets for `make run`."""

    data_dir: Path
    http_port: int
    mqtt_port: int
    bind_address: str
    demo: bool
    #: TLS at the broker: the variables that are set for it, none without.
    tls: Mapping[str, str]

    @property
    def mqtt_address(self) -> str:
        """Where the broker listens without TLS: only inside, when there is TLS for the others."""
        return "127.0.0.1" if self.tls else self.bind_address

    @property
    def mqtt_connect_address(self) -> str:
        return "127.0.0.1" if self.tls else self.connect_address

    @property
    def tls_ports(self) -> list[tuple[str, int]]:
        """The ports with TLS, under the names of their variables."""
        chosen = {int(self.tls[name]): name for name in TLS_PORTS if self.tls.get(name)}
        return [(name, port) for port, name in chosen.items()]

    @property
    def connect_address(self) -> str:
        """Where this machine itself reaches the servers."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind_address, self.bind_address)  # noqa: S104 # nosec B104  compared

    @property
    def http_url(self) -> str:
        return f"http://{_in_url(self.connect_address)}:{self.http_port}"


def wishes(variables: Mapping[str, str]) -> Wishes:
    """Reads HTTP_PORT, MQTT_PORT, DATA_DIR, BIND_ADDRESS and DEMO.

    Raises:
        PlatformError: one of them makes no sense, or a server is configured that `make run` starts itself.
    """
    for name in OWN_SERVERS:
        if variables.get(name):
            raise PlatformError(
                f"{name} is set, in the environment or in .env, but `make run` starts its own Valkey and MQTT broker. "
                f"Unset it; to use servers of your own, start the processes yourself as deploy/compose.yml does."
            )
    http_port = ports.number("HTTP_PORT", variables.get("HTTP_PORT") or "8000")
    mqtt_port = ports.number("MQTT_PORT", variables.get("MQTT_PORT") or "1883")
    if http_port == mqtt_port:
        raise PlatformError(f"HTTP_PORT and MQTT_PORT are both {http_port}: the two servers need a port each.")
    return Wishes(
        data_dir=Path(variables.get("DATA_DIR") or BASE_DIR / "var").expanduser().resolve(),
        http_port=http_port,
        mqtt_port=mqtt_port,
        bind_address=variables.get("BIND_ADDRESS") or "127.0.0.1",
        demo=(variables.get("DEMO") or "1").strip().lower() not in {"0", "no", "off", "false"},
        tls=_tls(variables, {http_port: "HTTP_PORT", mqtt_port: "MQTT_PORT"}),
    )


def _tls(variables: Mapping[str, str], taken: Mapping[int, str]) -> dict[str, str]:
    files = {name: variables[name] for name in TLS_FILES if variables.get(name)}
    if not files:
        return {}
    for name in TLS_FILES:
        if not os.access(files.get(name, ""), os.R_OK):
            where = files.get(name, "(not set)")
            raise PlatformError(f"{name} {where} cannot be read: TLS needs the broker's certificate and its key.")
    asked = {"MQTT_TLS_PORT": variables.get("MQTT_TLS_PORT") or "8883"}
    if (client_auth := variables.get("MQTT_CLIENT_AUTH_PORT") or "0") != "0":
        asked["MQTT_CLIENT_AUTH_PORT"] = client_auth
    for name, text in asked.items():
        if other := taken.get(ports.number(name, text)):
            raise PlatformError(f"{other} and {name} are both {text}: they need a port each.")
    return {name: str(Path(path).expanduser().resolve()) for name, path in files.items()} | asked


def prepare(asked: Wishes, mqtt_broker: str) -> dict[str, str]:
    """Writes DATA_DIR/platform.env, where every other command finds this platform, and returns what is in it.

    The secrets and Valkey's port are kept from earlier starts; the port only while it is free.
    """
    path = asked.data_dir / "platform.env"
    known = read(path)
    valkey_port = urlsplit(known.get("REDIS_URL", "")).port
    if valkey_port is None or not ports.is_free("127.0.0.1", valkey_port):
        valkey_port = ports.free()
    valkey_password = urlsplit(known.get("REDIS_URL", "")).password or secrets.token_urlsafe(32)
    values = {
        "SECRET_KEY": known.get("SECRET_KEY") or secrets.token_urlsafe(64),
        "FIELD_ENCRYPTION_KEYS": known.get("FIELD_ENCRYPTION_KEYS") or _new_encryption_key(),
        "REDIS_URL": f"redis://:{valkey_password}@127.0.0.1:{valkey_port}/0",
        "MQTT_BROKER": mqtt_broker,
        "MQTT_HOST": asked.mqtt_connect_address,
        "MQTT_PORT": str(asked.mqtt_port),
        "MQTT_USERNAME": known.get("MQTT_USERNAME") or f"cloudapi-{secrets.token_hex(4)}",
        "MQTT_PASSWORD": known.get("MQTT_PASSWORD") or secrets.token_urlsafe(32),
        "HTTP_PORT": str(asked.http_port),
        **asked.tls,
        **_reachable_from_elsewhere(asked),
    }
    write(path, values)
    return values


def _new_encryption_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _reachable_from_elsewhere(asked: Wishes) -> dict[str, str]:
    """Names and addresses that browsers and devices use when the platform listens beyond the loopback."""
    if asked.bind_address in {"127.0.0.1", "::1", "localhost"}:
        return {}
    address = asked.bind_address if asked.bind_address == asked.connect_address else _own_address()
    hosts = dict.fromkeys(["localhost", "127.0.0.1", "[::1]", socket.gethostname(), _in_url(address)])
    return {
        "ALLOWED_HOSTS": ",".join(hosts),
        "PUBLIC_URL": f"http://{_in_url(address)}:{asked.http_port}",
        "MQTT_PUBLIC_HOST": address,
    }


def _own_address() -> str:
    """The address of this machine on the way out; connecting a UDP socket chooses it and sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
    return address


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def read(path: Path) -> dict[str, str]:
    """KEY=value lines; a file that doesn't exist is empty."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line and line[:1] != "#")
    return {name.strip(): value.strip() for name, _, value in pairs}


def write(path: Path, values: Mapping[str, str]) -> None:
    """Replaces the file in one step, readable by its owner only."""
    lines = ["# Written by `make run` at each start, for the other commands. Secrets: keep it private."]
    lines += [f"{name}={value}" for name, value in values.items()]
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    with os.fdopen(handle, "w") as file:
        file.write("\n".join(lines) + "\n")
    Path(temporary).replace(path)
