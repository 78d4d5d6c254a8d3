"""Broker accounts of pilots' controllers at the real brokers: made, replaced, taken over, pinned, ended."""

import json
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloudapi.platform import BASE_DIR, processes
from tests.live.dji_http import Answer, ask, log_in, log_in_as, new_users
from tests.live.tenants import Tenant, new_sn, shell
from tests.platform import HOST, Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live
#: From the first connection to the answer to a topology, for an account that names no controller.
WORKS_WITHIN = 8.0


class Controller:
    """Pilot's MQTT client: client id = SN, comes back by itself, sends its topology on every connection."""

    def __init__(self, account: dict[str, str], sn: str, *, client_id: str | None = None) -> None:
        self.sn = sn
        self.events: list[str] = []
        self.replies: list[dict[str, Any]] = []
        self.began = time.monotonic()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=sn if client_id is None else client_id)
        self.client.username_pw_set(account["mqtt_username"], account["mqtt_password"])
        self.client.reconnect_delay_set(1, 2)
        self.client.on_connect = self._connected
        self.client.on_disconnect = lambda *_arguments: self.events.append("lost")
        self.client.on_message = lambda _client, _data, message: self.replies.append(json.loads(message.payload))
        found = re.fullmatch(r"tcp://([^:]+):(\d+)", account["mqtt_addr"])
        assert found, account
        self.client.connect(found[1], int(found[2]), keepalive=30)
        self.client.loop_start()
        wait_until(lambda: bool(self.events), "the broker answers")

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.events.append(str(reason))
        if not reason.is_failure:
            client.subscribe(f"sys/product/{self.sn}/status_reply", qos=1)
            self.report()

    def report(self) -> None:
        data = {"domain": "2", "type": 144, "sub_type": 0, "sub_devices": []}
        ids = {"tid": str(uuid.uuid4()), "bid": str(uuid.uuid4()), "timestamp": time.time_ns() // 1_000_000}
        self.client.publish(
            f"sys/product/{self.sn}/status", json.dumps({**ids, "method": "update_topo", "data": data}), qos=1
        )

    @property
    def is_up(self) -> bool:
        return bool(self.replies) and self.client.is_connected()

    def wait_up(self) -> float:
        """Until a topology was answered with 0; how long that took."""
        wait_until(lambda: self.is_up, f"an answer to the topology of {self.sn}; {self.events}", 20, every=0.02)
        assert self.replies[-1]["data"] == {"result": 0}
        return time.monotonic() - self.began

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


Connect = Callable[..., Controller]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[Controller] = []

    def make(*arguments: Any, **options: Any) -> Controller:
        made.append(Controller(*arguments, **options))
        return made[-1]

    yield make
    for controller in made:
        controller.close()


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=1, users=True)


@pytest.fixture(scope="module")
def other(platform: Platform) -> Tenant:
    return Tenant(platform, "Other", users=True)


@pytest.fixture(scope="module")
def pilots(acme: Tenant) -> Iterator[dict[str, str]]:
    return iter(new_users(acme, "pilot", 13))


def token_of(tenant: Tenant, user: dict[str, str]) -> str:
    return str(log_in_as(tenant.platform, user, 2)["access_token"])


def name_controller(tenant: Tenant, token: str, sn: str) -> Answer:
    return ask(tenant.platform, "POST", "/users/current/mqtt", {"gateway_sn": sn}, token=token)


def test_one_account_for_a_controller(acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect) -> None:
    platform, sn = acme.platform, new_sn("RC")
    user, colleague = next(pilots), next(pilots)
    token = token_of(acme, user)
    first_account = name_controller(acme, token, sn).data
    first = connect(first_account, sn)
    first.wait_up()
    assert ask(platform, "POST", f"/devices/{sn}/binding", {}, token=token).data == ""
    shown = ask(platform, "GET", f"/devices/null/devices/{sn}", token=token).data
    assert (shown["status"], shown["bound_status"]) == (True, True)
    # Nobody connects with it under another name, so it cannot take another gateway's place.
    assert connect(first_account, sn, client_id="OTHER").events[0] == "Not authorized"
    assert first.client.is_connected()

    again = name_controller(acme, token_of(acme, user), sn).data
    wait_until(lambda: "Not authorized" in first.events, "the old account is out")
    second = connect(again, sn)
    second.wait_up()

    taken = name_controller(acme, token_of(acme, colleague), sn).data
    wait_until(lambda: "Not authorized" in second.events, "the first pilot is out")
    third = connect(taken, sn)
    third.wait_up()

    # The first pilot's exit ends what is the first pilot's.
    assert ask(platform, "POST", "/logout", {}, token=token).data == ""
    third.replies.clear()
    third.report()
    third.wait_up()
    assert "lost" not in third.events


def test_an_exit_ends_the_session(acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect) -> None:
    sn, user = new_sn("RC"), next(pilots)
    token = token_of(acme, user)
    controller = connect(name_controller(acme, token, sn).data, sn)
    controller.wait_up()
    assert ask(acme.platform, "POST", "/logout", {}, token=token).data == ""
    wait_until(lambda: "Not authorized" in controller.events, "the account has ended")
    controller.close()
    connect(name_controller(acme, token_of(acme, user), sn).data, sn).wait_up()


def test_a_former_pilot_s_session_ends(acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect) -> None:
    """Nobody asks for it: the platform looks by itself, and ends that pilot's account alone."""
    user, colleague = next(pilots), next(pilots)
    sns = {who["username"]: new_sn("RC") for who in (user, colleague)}
    controller, other = (
        connect(name_controller(acme, token_of(acme, who), sns[who["username"]]).data, sns[who["username"]])
        for who in (user, colleague)
    )
    controller.wait_up()
    other.wait_up()
    deactivated = shell(
        acme.platform,
        f"""
from workspaces.models import User
print(User.objects.filter(username="{user["username"]}").update(is_active=False))
""",
    )
    assert deactivated == 1
    wait_until(lambda: "lost" in controller.events, "the session has ended", 10)
    wait_until(lambda: "Not authorized" in controller.events, "it does not come back")
    other.replies.clear()
    other.report()
    other.wait_up()
    assert other.events == ["Success"]


def test_what_is_foreign_is_refused_and_stays(
    acme: Tenant, other: Tenant, pilots: Iterator[dict[str, str]], connect: Connect
) -> None:
    sn = new_sn("RC")
    controller = connect(name_controller(acme, token_of(acme, next(pilots)), sn).data, sn)
    controller.wait_up()
    stranger = log_in(other, "pilot")["access_token"]
    for answer in (
        name_controller(other, stranger, sn),
        ask(other.platform, "POST", f"/devices/{sn}/binding", {}, token=stranger),
    ):
        assert (answer.status, answer.code) == (200, 210232)
        assert answer.body["message"] == f"{sn} belongs to another organization. Ask its administrators to release it."
    dock = acme.account()
    assert name_controller(acme, token_of(acme, next(pilots)), dock["sn"]).code == 210231
    assert "lost" not in controller.events
    assert connect({**dock, "mqtt_addr": f"tcp://{HOST}:{acme.platform.mqtt_port}"}, dock["sn"]).events[0] == "Success"


# --- accounts that name no controller ---------------------------------------------------------------------------------
def unnamed(tenant: Tenant, token: str) -> dict[str, str]:
    account: dict[str, str] = ask(tenant.platform, "GET", "/users/current", token=token).data
    return account


def test_an_unnamed_account_works_soon_on_mosquitto(
    acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect
) -> None:
    sn, user = new_sn("RC"), next(pilots)
    token = token_of(acme, user)
    account = unnamed(acme, token)
    controller = connect(account, sn)
    took = controller.wait_up()
    print(f"\nanswered {took:.2f} s after the first connection: {controller.events}")  # noqa: T201
    assert took < WORKS_WITHIN
    assert controller.events == ["Success", "lost", "Success"], "its session is ended once"
    assert ask(acme.platform, "POST", f"/devices/{sn}/binding", {}, token=token).data == ""
    assert unnamed(acme, token)["mqtt_username"] == account["mqtt_username"]
    # From now on it has one name.
    assert connect(account, sn, client_id="OTHER").events[0] == "Not authorized"
    assert ask(acme.platform, "POST", "/logout", {}, token=token).data == ""
    wait_until(lambda: "Not authorized" in controller.events, "the account has ended")


def test_an_unnamed_account_may_nothing_before(
    acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect
) -> None:
    """The worker is away, so nobody pins it."""
    platform, sn = acme.platform, new_sn("RC")
    account = unnamed(acme, token_of(acme, next(pilots)))
    platform.children["mqtt_worker"].stop()
    try:
        controller = connect(account, sn)
        time.sleep(1.0)  # for what must not happen
        assert (controller.events, controller.replies) == (["Success"], [])
    finally:
        platform.start_process("mqtt_worker")
    # Its connection was announced while nobody listened, so it counts when it comes again.
    controller.client.reconnect()
    controller.wait_up()


def test_a_foreign_client_id_ends_the_account(
    acme: Tenant, other: Tenant, pilots: Iterator[dict[str, str]], connect: Connect
) -> None:
    sn = new_sn("RC")
    victim = connect(name_controller(acme, token_of(acme, next(pilots)), sn).data, sn)
    victim.wait_up()
    victim.replies.clear()
    intruder = connect(unnamed(other, log_in(other, "pilot")["access_token"]), sn)
    wait_until(lambda: "Not authorized" in intruder.events, "the intruder's account has ended")
    assert intruder.replies == []
    # The broker itself gives a client id to whoever connects last; the gateway comes back by itself.
    began = time.monotonic()
    victim.wait_up()
    print(f"\n{victim.events}; back {time.monotonic() - began:.1f} s after the intruder was out")  # noqa: T201
    [audited] = shell(
        acme.platform,
        f"""
from workspaces.models import AuditEntry
import json
refused = AuditEntry.objects.filter(action="controller.refused", target="{sn}")
print(json.dumps([row.detail["reason"] for row in refused]))
""",
    )
    assert "another organization" in audited


# --- amqtt ------------------------------------------------------------------------------------------------------------
def test_an_unnamed_account_works_at_once_on_amqtt(platform_on_amqtt: Platform, connect: Connect) -> None:
    tenant, sn = Tenant(platform_on_amqtt, "Acme", users=True), new_sn("RC")
    token = log_in(tenant, "pilot")["access_token"]
    account = unnamed(tenant, token)
    controller = connect(account, sn)
    assert controller.wait_up() < WORKS_WITHIN
    assert controller.events == ["Success"]
    assert ask(platform_on_amqtt, "POST", f"/devices/{sn}/binding", {}, token=token).data == ""
    assert connect(account, "OTHER").events[0] == "Not authorized"
    stranger = Tenant(platform_on_amqtt, "Other", users=True)
    assert connect(unnamed(stranger, log_in(stranger, "pilot")["access_token"]), sn).events[0] == "Not authorized"
    again = name_controller(tenant, token, sn).data
    controller.close()
    assert connect(account, sn).events[0] == "Not authorized"
    connect(again, sn).wait_up()


# --- the simulated Pilot ----------------------------------------------------------------------------------------------
def simulate(platform: Platform, user: dict[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    command = processes.manage(
        "simulate", "pilot", "--url", platform.http_url, "--username", user["username"], "--password", user["password"],
        *options,
    )  # fmt: skip
    return subprocess.run(
        command, env=platform.env, cwd=BASE_DIR, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.mark.parametrize("way", ["named", "unnamed"])
def test_the_simulated_pilot_plays_the_whole_of_it(acme: Tenant, pilots: Iterator[dict[str, str]], way: str) -> None:
    platform, sn = acme.platform, new_sn("RC")
    shell(
        platform,
        f"""
from workspaces.models import Organization
organizations = Organization.objects.filter(workspaces__workspace_id="{acme.workspace_id}")
organizations.update(app_id="1", app_key="k", app_license="l")
print(1)
""",
    )
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
