"""Fixtures of the live tests: real servers of this machine, as private instances on free ports.

valkey          the Valkey of settings.REDIS_URL, empty, for tests in this process
postgres        a PostgreSQL server; `postgres.create_database()` returns a DATABASE_URL of a migrated database
mosquitto       where Mosquitto is installed
platform        a running cloudapi, shared by the whole session: make your own organizations in it
shaken_platform another one, shared by the tests that kill its parts and start them again
platform_on_amqtt one with the broker of the package instead of Mosquitto
make_platform   starts another one, for a test that kills it or needs other settings: make_platform(NAME="value")
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from cloudapi.platform import BASE_DIR, ports, probes, processes, servers
from tests import environment
from tests.platform import HOST, Platform
from tests.processes import Child, wait_until

PACKAGES_HINT = "`make test` installs what is missing, or says which packages"


class PostgreSQL:
    """Without root's rights, which PostgreSQL refuses, and without fsync unless the settings say otherwise."""

    def __init__(self, **settings: str) -> None:
        self.binaries = _postgres_binaries()
        self.directory = Path(tempfile.mkdtemp(prefix="cloudapi-pg-", dir="/tmp"))
        self.port = ports.free()
        self.user = _unprivileged_user() if os.geteuid() == 0 else None
        self.databases = 0
        argv = [f"{self.binaries}/postgres", "-D", f"{self.directory}/data", "-k", str(self.directory)]
        options = {
            "listen_addresses": HOST, "port": self.port, "fsync": "off", "synchronous_commit": "off",
            "full_page_writes": "off", "max_connections": 200, "timezone": "UTC", **settings,
        }  # fmt: skip
        argv += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        env = {**environment.clean(), "HOME": str(self.directory)}
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client.
        self.child = Child(argv, self.directory / "log", env=env, user=self.user, stop_signal=signal.SIGINT)

    def start(self) -> None:
        if self.user is not None:
            os.chown(self.directory, self.user, -1)
        subprocess.run(
            [f"{self.binaries}/initdb", "-D", f"{self.directory}/data", "-U", "cloudapi", "--auth=trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync"],
            env=self.child.env, cwd=self.directory, user=self.user, check=True, capture_output=True,
        )  # fmt: skip
        self.child.start()
        wait_until(self._answers, "PostgreSQL answers")
        self.execute("CREATE DATABASE template_cloudapi")
        env = {**os.environ, "DATABASE_URL": self.url("template_cloudapi")}
        subprocess.run(processes.manage("migrate", "--no-input", "-v", "0"), env=env, cwd=BASE_DIR, check=True)

    def stop(self) -> None:
        self.child.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgres://cloudapi@{HOST}:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def create_database(self) -> str:
        """A new database with all migrations applied; returns its DATABASE_URL."""
        self.databases += 1
        self.execute(f"CREATE DATABASE platform_{self.databases} TEMPLATE template_cloudapi")
        return self.url(f"platform_{self.databases}")

    def _answers(self) -> bool:
        assert self.child.is_running, self.child.tail()
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _postgres_binaries() -> str:
    installed = glob.glob("/usr/lib/postgresql/*/bin/initdb") + glob.glob("/usr/pgsql-*/bin/initdb")
    on_path = shutil.which("initdb")
    found = [on_path] if on_path else sorted(installed)
    if not found:
        pytest.fail(f"PostgreSQL is not installed: {PACKAGES_HINT}.")
    return str(Path(found[-1]).parent)


def _unprivileged_user() -> int:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    pytest.fail("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody.")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    server = PostgreSQL()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def mosquitto() -> servers.Mosquitto:
    binary = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    plugin = servers.dynsec_plugin(binary) if binary else None
    if binary is None or plugin is None:
        pytest.fail(f"Mosquitto with its dynamic security plugin is not installed: {PACKAGES_HINT}.")
    return servers.Mosquitto(binary, plugin)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Child]:
    """The Valkey of settings.REDIS_URL; use `valkey`, which empties it first."""
    directory = environment.DIRECTORY / "valkey"
    part = servers.valkey(environment.REDIS_URL, directory)
    child = Child(part.argv, directory / "log", env=environment.clean())
    child.start()
    try:
        wait_until(lambda: probes.valkey(environment.REDIS_URL), "Valkey answers")
        yield child
    finally:
        child.stop()


@pytest.fixture
def valkey(valkey_server: Child) -> str:
    """The URL of an empty Valkey, the one of settings.REDIS_URL."""
    import redis

    if not valkey_server.is_running:
        valkey_server.start()
        wait_until(lambda: probes.valkey(environment.REDIS_URL), "Valkey answers")
    with redis.Redis.from_url(environment.REDIS_URL) as client:
        client.flushall()
    return environment.REDIS_URL


@pytest.fixture
def valkey_down(valkey_server: Child) -> None:
    """Nothing answers at settings.REDIS_URL during the test."""
    valkey_server.stop()


@pytest.fixture(scope="session")
def static_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("static")
    env = {**os.environ, "STATIC_ROOT": str(directory)}
    subprocess.run(processes.manage("collectstatic", "--no-input", "-v", "0"), env=env, cwd=BASE_DIR, check=True)
    return directory


@pytest.fixture(scope="session")
def make_platform(
    postgres: PostgreSQL, mosquitto: servers.Mosquitto, static_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Platform]]:
    """`make_platform(NAME="value", …)` starts a cloudapi with these variables; all of them end with the session, a test
    may end its own earlier by `stop()`.
    """
    made: list[Platform] = []

    def make(**variables: str) -> Platform:
        defaults = {"DATABASE_URL": postgres.create_database(), "STATIC_ROOT": str(static_root)}
        made.append(Platform(tmp_path_factory.mktemp("platform"), mosquitto, **{**defaults, **variables}))
        made[-1].start()
        return made[-1]

    yield make
    for one in reversed(made):
        one.stop()


@pytest.fixture(scope="session")
def shaken_platform(make_platform: Callable[..., Platform]) -> Platform:
    return make_platform()


@pytest.fixture(scope="session")
def platform(make_platform: Callable[..., Platform]) -> Platform:
    return make_platform()


@pytest.fixture(scope="session")
def platform_on_amqtt(
    postgres: PostgreSQL, mosquitto: servers.Mosquitto, static_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """The same with the broker that the package brings along."""
    directory = tmp_path_factory.mktemp("amqtt")
    made = Platform(
        directory, mosquitto, DATABASE_URL=postgres.create_database(), STATIC_ROOT=str(static_root), MQTT_BROKER="amqtt"
    )
    part = processes.amqtt(HOST, made.mqtt_port)
    made.children["broker"] = Child(part.argv, directory / "logs" / "broker.log", env=made.env)
    try:
        made.start()
        yield made
    finally:
        made.stop()
