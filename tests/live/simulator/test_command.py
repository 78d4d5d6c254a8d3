"""`manage.py simulate` as a process: how it ends, and what it refuses."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cloudapi.platform import processes
from tests.live.simulator.servers import Broker, Cloud
from tests.processes import wait_until

pytestmark = pytest.mark.live


def environment(tmp_path: Path) -> dict[str, str]:
    """No database can be reached: a device needs none."""
    nowhere = "postgres://nobody@127.0.0.1:9/nothing"
    return {**os.environ, "SECRET_KEY": "simulator", "DATA_DIR": str(tmp_path), "DATABASE_URL": nowhere}


def test_command_ends_cleanly_on_sigterm(broker: Broker, cloud: Cloud, tmp_path: Path) -> None:
    account = ["--port", str(broker.port), "--username", "user", "--password", "secret"]
    process = subprocess.Popen(
        processes.manage("simulate", "controller", "--sn", "RC9", *account),
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: bool(cloud.osd("RC9")), "the controller reports")
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "update_topo ✓ result=0" in output
    assert output.rstrip().endswith("stopped")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dock"], "--sn"),
        (["dock", "--sn", "a/b"], "no serial number"),
        (["dock", "--sn", "D1", "--model", "dock2"], "no model key"),
        (["dock", "--sn", "D1", "--misbehave", "badly"], "no misbehaviour"),
        (["controller", "--demo"], "make run"),
    ],
)
def test_command_refuses_with_a_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    done = subprocess.run(
        processes.manage("simulate", *arguments), env=environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_command_names_refused_credentials(broker: Broker, tmp_path: Path) -> None:
    account = ["--port", str(broker.port), "--username", "user", "--password", "wrong-password"]
    done = subprocess.run(
        processes.manage("simulate", "dock", "--sn", "D1", *account),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "refuses the user user" in done.stderr
    assert "wrong-password" not in done.stdout + done.stderr
