"""mqtt_worker as a process: its table, its ends, and what is sent while a part of the platform is away."""

import signal
import subprocess
import time
from collections.abc import Callable

import pytest
import redis

from cloudapi.platform import BASE_DIR, processes
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, devices, err_infos, new_sn, supervised
from tests.platform import Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def platform(shaken_platform: Platform) -> Platform:
    supervised(shaken_platform)
    return shaken_platform


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=8)


@pytest.fixture(scope="module")
def code(acme: Tenant) -> str:
    return acme.code(docks=50)


def test_the_table_of_routes(platform: Platform) -> None:
    rows = [line.split() for line in platform.run("mqtt_worker", "--routes").splitlines()]
    table = {(row[0], row[1]) for row in rows}
    assert table >= {
        ("requests", "config"),
        ("requests", "airport_bind_status"),
        ("requests", "airport_organization_get"),
        ("requests", "airport_organization_bind"),
        ("requests", "flight_areas_get"),
        ("requests", "offline_map_get"),
        ("status", "update_topo"),
        ("osd", "(any)"),
        ("state", "(any)"),
    }
    text = platform.run("mqtt_worker", "--routes")
    assert "inline" in text
    assert "task" in text
    assert all(len(row) >= 3 for row in rows), text


def ends_with_a_sentence(platform: Platform, **variables: str) -> str:
    """Starts a second worker with these variables; returns what it said when it ended by itself."""
    done = subprocess.run(
        processes.manage("mqtt_worker"),
        env={**platform.env, "MQTT_CLIENT_ID": new_sn("worker"), **variables},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_refused_credentials_end_it_with_a_sentence(platform: Platform) -> None:
    pid = platform.children["mqtt_worker"].pid
    said = ends_with_a_sentence(platform, MQTT_PASSWORD="wrong-0123456789-wrong")
    assert "MQTT_PASSWORD" in said
    assert "0123456789" not in said
    assert len(said.strip().splitlines()) <= 5, said
    assert platform.children["mqtt_worker"].pid == pid
    assert platform.answers("mqtt_worker")


def test_a_restart_loses_no_device_that_is_connected(acme: Tenant, code: str, platform: Platform) -> None:
    worker = platform.children["mqtt_worker"]
    with acme.dock() as dock:
        bind = acme.bind_data(code, dock.sn)
        assert err_infos(dock.request("airport_organization_bind", bind)) == [(dock.sn, 0)]
        assert worker.process is not None
        began = time.monotonic()
        worker.kill(signal.SIGTERM)
        assert worker.process.wait(10) == 0
        took = time.monotonic() - began
        platform.start_process("mqtt_worker")
        # The dock does nothing but go on.
        before = time.time()
        assert dock.request("airport_bind_status", {"devices": [{"sn": dock.sn}]})["result"] == 0
        dock.telemetry(dock.sn, {"mode_code": 1})
        wait_until(lambda: seen_since(platform, dock.sn, before), "its telemetry is heard", every=0.2)
        [shown] = devices(platform, dock.sn)
    print(f"\nthe worker ended {took:.1f} s after SIGTERM")  # noqa: T201
    assert took < 5
    assert (shown["online"], shown["bound"]) == (True, True)


def test_a_task_that_a_killed_celery_took_along_comes_back(acme: Tenant, code: str, platform: Platform) -> None:
    """Celery takes a task from the queue first and notes it afterwards; when it is killed in between, both are gone."""
    with acme.dock() as dock, redis.Redis.from_url(platform.redis_url) as valkey:
        stop_celery(platform)
        sent = dock.send(dock.requests, "airport_organization_bind", acme.bind_data(code, dock.sn))
        wait_until(lambda: valkey.zcard("cloudapi:inflight:due") == 1, "it is noted")
        [task_id] = valkey.zrange("cloudapi:inflight:due", 0, -1)
        # Its task is taken out of the queue; tasks about presence wait there, too.
        wait_until(lambda: any(valkey.lrem("celery", 1, task) for task in queued(valkey, task_id)), "it is queued")
        platform.start_process("celery")
        # Normally it becomes due after 35 s.
        valkey.zadd("cloudapi:inflight:due", {task_id: time.time() * 1000})
        assert err_infos(dock.answers(sent)[0].data) == [(dock.sn, 0)]
        wait_until(lambda: not valkey.exists("cloudapi:inflight", "cloudapi:inflight:due"), "it is forgotten")
        assert len(dock.arrived(sent)) == 1


def queued(valkey: redis.Redis, task_id: bytes) -> list[bytes]:
    tasks: list[bytes] = valkey.lrange("celery", 0, -1)  # type: ignore[assignment]
    return [task for task in tasks if task_id in task]


def seen_since(platform: Platform, sn: str, moment: float) -> bool:
    with redis.Redis.from_url(platform.redis_url) as client:
        heard = client.zscore("cloudapi:heard", sn)
        return isinstance(heard, float) and heard / 1000 >= moment


def stop_worker(platform: Platform) -> None:
    platform.children["mqtt_worker"].stop()


def kill_worker(platform: Platform) -> None:
    platform.kill("mqtt_worker")


def stop_celery(platform: Platform) -> None:
    platform.children["celery"].stop()


def kill_valkey(platform: Platform) -> None:
    platform.kill("valkey")


@pytest.mark.parametrize("away", [stop_worker, kill_worker, stop_celery, kill_valkey])
def test_what_is_sent_meanwhile_is_answered_afterwards(
    away: Callable[[Platform], None], acme: Tenant, code: str, platform: Platform
) -> None:
    name = away.__name__.split("_")[1].replace("worker", "mqtt_worker")
    aircraft = new_sn("AIR")
    with acme.dock() as dock:
        away(platform)
        assert not platform.children[name].is_running
        sent = [
            dock.send(dock.requests, "config", {"config_type": "json", "config_scope": "product"}),
            dock.send(dock.requests, "airport_organization_bind", acme.bind_data(code, dock.sn, aircraft)),
            dock.send(dock.status, "update_topo", {"domain": 3, "type": 2, "sub_devices": [{"sn": aircraft}]}),
        ]
        began = time.monotonic()
        platform.start_process(name)
        wait_until(lambda: supervised(platform) and all(map(dock.arrived, sent)), "all are answered", 45)
        config, bound, topology = (dock.arrived(one)[0].data for one in sent)
        took = time.monotonic() - began
        assert "app_id" in config
        assert err_infos(bound) == [(dock.sn, 0), (aircraft, 0)]
        assert topology == {"result": 0}
        answered_again_soon(dock)
    print(f"\n{away.__name__}: all answered {took:.1f} s after the start")  # noqa: T201


def answered_again_soon(dock: Gateway) -> None:
    began = time.monotonic()
    assert dock.request("offline_map_get", None) == {"result": 0}
    assert time.monotonic() - began < 10


def test_it_waits_for_a_broker_that_is_not_there_yet(platform: Platform) -> None:
    """Processes start in any order."""
    worker, broker = platform.children["mqtt_worker"], platform.children["broker"]
    worker.stop()
    broker.stop()
    began = len(platform.logs("mqtt_worker"))
    worker.start()
    wait_until(lambda: "cannot be reached" in platform.logs("mqtt_worker")[began:], "it says that it waits")
    assert worker.is_running
    assert "Traceback" not in platform.logs("mqtt_worker")[began:]
    platform.start_process("broker")
    platform.wait_ready("mqtt_worker")
