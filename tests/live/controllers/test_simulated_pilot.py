"""The simulated Pilot against a whole platform."""

import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from cloudapi.platform import BASE_DIR, processes
from tests.live.dji_http import ask, log_in
from tests.live.tenants import Tenant, new_sn, shell
from tests.platform import Platform

pytestmark = pytest.mark.live


def simulate(platform: Platform, user: dict[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    command = processes.manage(
        "simulate", "pilot", "--url", platform.http_url, "--username", user["username"], "--password", user["password"],
        *options,
    )  # fmt: skip
    return subprocess.run(
        command, env=platform.env, cwd=BASE_DIR, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.fixture(scope="module")
def dji_application(acme: Tenant) -> None:
    shell(
        acme.platform,
        f"""
from workspaces.models import Organization
organizations = Organization.objects.filter(workspaces__workspace_id="{acme.workspace_id}")
organizations.update(app_id="1", app_key="k", app_license="l")
print(1)
""",
    )


@pytest.mark.usefixtures("dji_application")
@pytest.mark.parametrize("way", ["named", "unnamed"])
def test_the_simulated_pilot_plays_the_whole_of_it(acme: Tenant, pilots: Iterator[dict[str, str]], way: str) -> None:
    platform, sn = acme.platform, new_sn("RC")
    options = ["--unnamed"] if way == "unnamed" else []
    done = simulate(platform, next(pilots), "--sn", sn, "--duration", "14", *options)
    told = done.stdout
    assert done.returncode == 0, told + done.stderr
    steps = ["login ✓", "license ✓", "workspace ✓", "credentials ✓", "connect ✓", "update_topo ✓ result=0", "binding ✓",
             "websocket ✓ connected", "websocket ✓ device_online", "state_reply ✓", "exit ✓",
             "stopped"]  # fmt: skip
    for step in steps:
        assert step in told, (step, told)
    assert re.search(r"topologies ✓ \d+ devices, \d+ online", told)
    assert told.index("credentials ✓") < told.index("connect ✓") < told.index("exit ✓")
    viewer = log_in(acme, "viewer")["access_token"]
    shown = ask(platform, "GET", f"/devices/null/devices/{sn}", token=viewer).data
    assert (shown["bound_status"], shown["domain"], shown["children"]["domain"]) == (True, 2, 0)


@pytest.mark.usefixtures("dji_application")
def test_the_simulated_pilot_says_why_it_cannot(acme: Tenant, other: Tenant, pilots: Iterator[dict[str, str]]) -> None:
    platform, user = acme.platform, next(pilots)
    wrong = simulate(platform, {**user, "password": "wrong"}, "--sn", new_sn("RC"))
    assert wrong.returncode == 1
    assert "CommandError: POST /login: code 401, Wrong user name or password." in wrong.stderr
    nothing = simulate(platform, other.users["pilot"], "--sn", new_sn("RC"))
    assert "no DJI application yet" in nothing.stderr
    process = subprocess.Popen(
        processes.manage("simulate", "pilot", "--url", platform.http_url, "--username", user["username"],
                         "--password", user["password"], "--sn", new_sn("RC")),
        env=platform.env, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "binding ✓" in line:
            process.send_signal(signal.SIGTERM)
            break
    rest = process.stdout.read()
    assert process.wait(20) == 0
    assert "exit ✓" in rest
