"""The parts of `make run` that need no process, and that every way to start cloudapi says the same."""

import re
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from cloudapi.platform import BASE_DIR, PlatformError, environment, lock, ports, processes, servers, supervisor_conf
from tests.environment import clean


def asked(tmp_path: Path, **variables: str) -> environment.Wishes:
    return environment.wishes({"DATA_DIR": str(tmp_path), **variables})


# --- wishes and platform.env ------------------------------------------------------------------------------------------
def test_defaults() -> None:
    nothing = environment.wishes({})
    assert (nothing.http_port, nothing.mqtt_port, nothing.bind_address, nothing.demo) == (8000, 1883, "127.0.0.1", True)
    assert nothing.data_dir == BASE_DIR / "var"
    assert nothing.http_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"HTTP_PORT": "http"}, "HTTP_PORT"),
        ({"MQTT_PORT": "0"}, "MQTT_PORT"),
        ({"MQTT_PORT": "65536"}, "MQTT_PORT"),
        ({"HTTP_PORT": "1883"}, "HTTP_PORT and MQTT_PORT"),
        ({"REDIS_URL": "redis://elsewhere"}, "REDIS_URL"),
        ({"MQTT_HOST": "elsewhere"}, "MQTT_HOST"),
    ],
)
def test_a_senseless_wish_is_named(variables: dict[str, str], said: str) -> None:
    with pytest.raises(PlatformError, match=said):
        environment.wishes(variables)


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """The broker's certificate and key, which only have to be there."""
    files = {name: str(tmp_path / name) for name in ("MQTT_TLS_CERT", "MQTT_TLS_KEY")}
    for path in files.values():
        Path(path).touch()
    return files


def test_with_tls_the_plain_port_stays_inside(tmp_path: Path, certificate: dict[str, str]) -> None:
    wanted = asked(tmp_path, BIND_ADDRESS="192.0.2.7", MQTT_CLIENT_AUTH_PORT="8884", **certificate)
    assert wanted.mqtt_address == wanted.mqtt_connect_address == "127.0.0.1"
    assert wanted.tls_ports == [("MQTT_TLS_PORT", 8883), ("MQTT_CLIENT_AUTH_PORT", 8884)]
    values = environment.prepare(wanted, "dynsec")
    assert values["MQTT_HOST"] == "127.0.0.1"
    assert values.items() >= {**certificate, "MQTT_TLS_PORT": "8883", "MQTT_CLIENT_AUTH_PORT": "8884"}.items()
    everywhere = asked(tmp_path, MQTT_TLS_PORT="9883", MQTT_CLIENT_AUTH_PORT="9883", **certificate)
    assert [port for _name, port in everywhere.tls_ports] == [9883]
    plain = asked(tmp_path, BIND_ADDRESS="192.0.2.7", MQTT_CLIENT_AUTH_PORT="0")
    assert (plain.mqtt_address, plain.tls_ports) == ("192.0.2.7", [])


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MQTT_TLS_KEY": ""}, "MQTT_TLS_KEY"),
        ({"MQTT_TLS_CERT": "/nowhere/fullchain.pem"}, "MQTT_TLS_CERT /nowhere/fullchain.pem cannot be read"),
        ({"MQTT_TLS_PORT": "ssl"}, "MQTT_TLS_PORT"),
        ({"MQTT_TLS_PORT": "1883"}, "MQTT_PORT and MQTT_TLS_PORT are both 1883"),
        ({"MQTT_CLIENT_AUTH_PORT": "8000"}, "HTTP_PORT and MQTT_CLIENT_AUTH_PORT are both 8000"),
    ],
)
def test_senseless_tls_is_named(
    tmp_path: Path, certificate: dict[str, str], variables: dict[str, str], said: str
) -> None:
    with pytest.raises(PlatformError, match=said):
        asked(tmp_path, **{**certificate, **variables})


@pytest.mark.parametrize(("value", "demo"), [("0", False), ("no", False), ("1", True), ("", True)])
def test_demo(tmp_path: Path, value: str, demo: bool) -> None:
    assert asked(tmp_path, DEMO=value).demo is demo


def test_secrets_are_made_once_and_ports_are_as_asked(tmp_path: Path) -> None:
    first = environment.prepare(asked(tmp_path, HTTP_PORT="9001"), "dynsec")
    second = environment.prepare(asked(tmp_path, HTTP_PORT="9002"), "amqtt")
    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "REDIS_URL", "MQTT_USERNAME", "MQTT_PASSWORD"):
        assert first[name] == second[name]
    assert (first["HTTP_PORT"], second["HTTP_PORT"], second["MQTT_BROKER"]) == ("9001", "9002", "amqtt")
    path = tmp_path / "platform.env"
    assert environment.read(path) == second
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_data_dir_has_other_secrets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = (environment.prepare(asked(tmp_path / name), "dynsec") for name in "ab")
    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "REDIS_URL", "MQTT_USERNAME", "MQTT_PASSWORD"):
        assert one[name] != other[name]


def test_valkeys_port_moves_when_another_program_has_taken_it(tmp_path: Path) -> None:
    first = environment.prepare(asked(tmp_path), "dynsec")["REDIS_URL"]
    with socket.create_server(("127.0.0.1", int(first.rsplit(":", 1)[1].split("/")[0]))):
        second = environment.prepare(asked(tmp_path), "dynsec")["REDIS_URL"]
    assert first != second
    assert first.rsplit(":", 1)[0] == second.rsplit(":", 1)[0]  # the password stays


def test_a_platform_for_the_network_is_told_its_address(tmp_path: Path) -> None:
    values = environment.prepare(asked(tmp_path, BIND_ADDRESS="192.0.2.7"), "dynsec")
    assert values["PUBLIC_URL"] == "http://192.0.2.7:8000"
    assert "192.0.2.7" in values["ALLOWED_HOSTS"].split(",")
    assert values["MQTT_PUBLIC_HOST"] == "192.0.2.7"
    assert "PUBLIC_URL" not in environment.prepare(asked(tmp_path), "dynsec")


# --- ports and lock ---------------------------------------------------------------------------------------------------
def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PlatformError, match=rf"HTTP_PORT {port} "):
            ports.require_free("HTTP_PORT", "127.0.0.1", port)
    ports.require_free("HTTP_PORT", "127.0.0.1", port)


def test_two_platforms_cannot_share_a_data_dir(tmp_path: Path) -> None:
    lock.take(tmp_path / "new", "http://127.0.0.1:9001")
    with pytest.raises(PlatformError, match=re.escape("http://127.0.0.1:9001")):
        lock.take(tmp_path / "new", "http://127.0.0.1:9002")


def test_a_data_dir_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match="DATA_DIR"):
        lock.take(tmp_path / "file" / "below", "")


# --- configuration of the servers -------------------------------------------------------------------------------------
def test_mosquittos_configuration_differs_from_the_deployed_one_in_places_only(tmp_path: Path) -> None:
    conf = servers.mosquitto_conf(Path("/plugin.so"), "4000 127.0.0.1", tmp_path).splitlines()
    deployed = servers.MOSQUITTO_CONF.read_text().splitlines()
    changed = {line.split()[0] for line, other in zip(conf, deployed, strict=True) if line != other}
    assert changed <= {
        "listener",
        "plugin",
        "plugin_opt_config_file",
        "persistence_location",
        "pid_file",
        "include_dir",
        "user",
    }
    assert {"listener 4000 127.0.0.1", "plugin /plugin.so", f"persistence_location {tmp_path}/"} <= set(conf)
    assert {"allow_anonymous false", "set_tcp_nodelay true", "log_dest topic"} <= set(conf)


def test_the_supervisors_configuration_takes_any_path(tmp_path: Path) -> None:
    odd = tmp_path / "100% odd"
    text = supervisor_conf.render(
        {"application": [processes.Process("web", ("run", "a b"))]}, odd, odd / "logs", odd / "sock"
    )
    assert f"stdout_logfile = {tmp_path}/100%% odd/logs/web.log" in text
    assert "'a b'" in text


# --- one truth for all ways to start ----------------------------------------------------------------------------------
def test_compose_starts_the_same_processes() -> None:
    services = yaml.safe_load((BASE_DIR / "deploy" / "compose.yml").read_text())["services"]
    for process in processes.application("0.0.0.0", 8000):  # noqa: S104  inside the container
        argv = ["python", *(part.replace(f"{BASE_DIR}/", "") for part in process.argv[1:])]
        assert services[process.name]["command"] == argv


def test_compose_is_valid_and_has_no_default_secret() -> None:
    compose = shutil.which("docker-compose")
    assert compose, "`make test` installs docker-compose, or says how"
    command = [compose, "-f", str(BASE_DIR / "deploy" / "compose.yml"), "config", "--quiet"]
    example = (BASE_DIR / "deploy" / "production.env.example").read_text()
    values = dict.fromkeys(re.findall(r"(?m)^([A-Z_]+)=$", example), "given")
    env = clean()
    assert subprocess.run(command, env=env | values, capture_output=True, check=False).returncode == 0
    for name in values:
        some_missing = {other: value for other, value in values.items() if other != name}
        refused = subprocess.run(command, env=env | some_missing, capture_output=True, text=True, check=False)
        assert refused.returncode != 0, name


def test_env_example_explains_every_variable_and_no_other() -> None:
    settings = (BASE_DIR / "cloudapi" / "settings.py").read_text()
    read = set(re.findall(r"""\benv\.\w+\(\s*"([A-Z][A-Z0-9_]*)\"""", settings))
    only_make_run = {"BIND_ADDRESS", "DEMO"}
    lines = (BASE_DIR / ".env.example").read_text().splitlines()
    explained = {match[1] for line in lines if (match := re.match(r"#?([A-Z][A-Z0-9_]*)=", line))}
    assert explained == read | only_make_run


def test_compose_hands_every_variable_to_the_processes_but_those_that_it_decides() -> None:
    lines = (BASE_DIR / ".env.example").read_text().splitlines()
    explained = {match[1] for line in lines if (match := re.match(r"#?([A-Z][A-Z0-9_]*)=", line))}
    handed: set[str] = set()
    for name, service in (("compose.yml", "x-cloudapi"), ("compose.emqx.yml", "x-emqx")):
        part = yaml.safe_load((BASE_DIR / "deploy" / name).read_text())[service]
        handed |= set(part.get("environment", part))
    only_make_run = {"BIND_ADDRESS", "DEMO", "HTTP_PORT"}
    decided = {"DATA_DIR", "STATIC_ROOT", "DEBUG", "MQTT_TLS", "MQTT_TLS_PORT"}
    one_per_worker = {"MQTT_CLIENT_ID", "MQTT_SHARED_GROUP"}
    assert handed == explained - only_make_run - decided - one_per_worker
