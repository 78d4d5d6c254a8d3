"""`make run` as a person uses it: it gets ready, says what is wrong, and leaves no process behind however it ends."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudapi.platform import BASE_DIR, ports, processes
from tests import environment
from tests.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


class Run:
    """One `make run` with its own DATA_DIR and ports."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        self.http_port, self.mqtt_port = ports.free(), ports.free()
        self.variables = {
            "DATA_DIR": str(data_dir), "HTTP_PORT": str(self.http_port), "MQTT_PORT": str(self.mqtt_port), **variables,
        }  # fmt: skip
        self.env = {**environment.clean(), **self.variables}
        self.process = subprocess.Popen(
            ["make", "run"],  # noqa: S607
            cwd=BASE_DIR, env=self.env, start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.out: list[str] = []
        self.err: list[str] = []
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            threading.Thread(target=lambda s=stream, n=lines: n.extend(s or ()), daemon=True).start()

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, "".join(self.out + self.err)
            return any("ready" in line and "http://" in line for line in self.out)

        wait_until(is_ready, f"ready\n{''.join(self.out + self.err)}", 100)

    def processes(self) -> dict[int, str]:
        """Every process that has this DATA_DIR in its environment, whoever its parent is now: pid and command line."""
        found = {}
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"DATA_DIR={self.data_dir}".encode() in (directory / "environ").read_bytes().split(b"\0"):
                    found[int(directory.name)] = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def pid_of(self, *words: str) -> int:
        return min(pid for pid, command in self.processes().items() if all(word in command for word in words))

    def manage(self, *arguments: str, **variables: str) -> str:
        env = {**environment.clean(), "DATA_DIR": str(self.data_dir), **variables}
        return subprocess.check_output(processes.manage(*arguments), env=env, cwd=BASE_DIR, text=True)

    def wait_gone(self, seconds: float = 25) -> None:
        wait_until(lambda: not self.processes(), f"nothing left of {self.processes()}", seconds)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data of the platform"


@pytest.fixture
def make_run(data_dir: Path) -> Iterator[type[Run]]:
    made: list[Run] = []

    class Made(Run):
        def __init__(self, data_dir: Path, **variables: str) -> None:
            super().__init__(data_dir, **variables)
            made.append(self)

    yield Made
    for run in made:
        run.end()


def status_of(port: int, path: str = "/") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    return connection.getresponse().status


def test_a_first_start_and_its_end_by_ctrl_c(make_run: type[Run], data_dir: Path) -> None:
    run = make_run(data_dir)
    run.wait_ready()

    assert status_of(run.http_port) in {200, 302}
    assert stat.S_IMODE((data_dir / "platform.env").stat().st_mode) == 0o600
    # Other commands find it, by the same variables and by DATA_DIR alone, and the logins were said.
    demo = json.loads(run.manage("demo", "--json"))
    assert demo == json.loads(run.manage("demo", "--json", **run.variables))
    assert (demo["http_url"], demo["mqtt_port"]) == (f"http://127.0.0.1:{run.http_port}", run.mqtt_port)
    wait_until(lambda: "Ctrl-C" in run.out[-1], "the last line of the start")
    for user in demo["users"]:
        assert any(user["username"] in line and user["password"] in line for line in run.out)

    # A second one is told why not, in one sentence: for the directory, and for the ports.
    second = make_run(data_dir)
    assert second.process.wait(30) != 0
    assert str(data_dir) in "".join(second.err)
    assert f"http://127.0.0.1:{run.http_port}" in "".join(second.err)
    for variable, port in (("HTTP_PORT", run.http_port), ("MQTT_PORT", run.mqtt_port)):
        other = make_run(data_dir.with_name(variable), **{variable: str(port)})
        assert other.process.wait(30) != 0
        assert f"{variable} {port} " in "".join(other.err)

    # A part that is killed comes back, and that is said.
    killed = run.pid_of("manage.py mqtt_worker")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: any("mqtt_worker" in line for line in run.out[-1:]), "mqtt_worker is started again")
    assert run.pid_of("manage.py mqtt_worker") != killed

    os.killpg(run.process.pid, signal.SIGINT)
    run.process.wait(30)
    assert not run.processes()
    assert not run.err or "Interrupt" in "".join(run.err), run.err


def test_sigkill_leaves_nothing_and_a_later_start_has_the_same_data(make_run: type[Run], data_dir: Path) -> None:
    first = make_run(data_dir, DEMO="0")
    first.wait_ready()
    demo = json.loads(first.manage("demo", "--json"))
    assert not any("simulate" in command for command in first.processes().values())
    os.kill(first.pid_of("-m cloudapi.platform"), signal.SIGKILL)

    second = make_run(data_dir, DEMO="0")  # at once: it waits for what the killed one still stops
    second.wait_ready()
    again = json.loads(second.manage("demo", "--json"))
    assert {**demo, "http_url": "", "mqtt_port": 0} == {**again, "http_url": "", "mqtt_port": 0}
    assert not any(f"-p {first.http_port} " in command for command in second.processes().values())

    # To make alone, which tells its children nothing; but a make that ignores SIGINT (started by a script in the
    # background) has to be told otherwise.
    second.process.send_signal(
        signal.SIGINT if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN else signal.SIGTERM
    )
    second.process.wait(30)
    assert not second.processes()


def test_without_mosquitto_it_says_what_amqtt_is_and_a_part_that_cannot_stay_up_ends_it(
    make_run: type[Run], data_dir: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("make", "sh", "cmp"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    run = make_run(data_dir, PATH=str(tools))
    run.wait_ready()
    said = " ".join(run.out[: next(n for n, line in enumerate(run.out) if "ready" in line)])
    assert "amqtt" in said
    assert "3.1.1" in said
    assert "trying things out" in said

    # Another program takes the broker's port, so that the broker cannot come back.
    broker = run.pid_of("amqtt_broker")
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(broker, signal.SIGKILL)
        wait_until(lambda: _taken(thief, run.mqtt_port), "the port is free for a moment")
        assert run.process.wait(90) != 0
    sentence = "".join(run.err)
    assert "broker does not stay up" in sentence
    assert str(data_dir / "logs" / "broker.log") in sentence
    run.wait_gone()


def _taken(thief: socket.socket, port: int) -> bool:
    try:
        thief.bind(("127.0.0.1", port))
        thief.listen()
    except OSError:
        return False
    return True
