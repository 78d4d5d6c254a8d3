"""Bad input at the real broker: answered with a refusal where a request was recognisable, else dropped.

Each row of the table is sent with the server's own account, which may publish everything; a dock's own account would be
stopped by the broker already. The outcome of a row is what came back, or what the worker's log says of it.
"""

import json
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.live.foreign_client import Gateway
from tests.live.stored_values import live_values
from tests.live.tenants import Tenant, err_infos, new_sn, server_account
from tests.platform import Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live

REFUSED, UNSUPPORTED, DROPPED, NOT_HEARD = "210002", "210003", "dropped", "not heard"
DEEP = b"[" * 100_000 + b"]" * 100_000
TABLES = ("devices_device", "mqtt_bridge_handledrequest", "workspaces_auditentry")


class Row(NamedTuple):
    what: str
    topic: str
    payload: bytes
    expected: str


def request(method: Any = "config", data: Any = None, **more: Any) -> bytes:
    """An envelope in which `{tid}` is replaced when it is sent."""
    return json.dumps({"tid": "{tid}", "bid": "b", "timestamp": 1, "method": method, "data": data, **more}).encode()


def raw_data(data: bytes, method: str = "airport_bind_status") -> bytes:
    return b'{"tid":"{tid}","bid":"b","method":"' + method.encode() + b'","data":' + data + b"}"


REQUESTS, STATUS, OSD = "thing/product/{sn}/requests", "sys/product/{sn}/status", "thing/product/{sn}/osd"
GET, BINDING = "airport_organization_get", "airport_organization_bind"
BIND = {"sn": "A", "device_binding_code": "C", "organization_id": "1"}
ROWS = [
    # --- no message at all
    Row("empty", REQUESTS, b"", DROPPED),
    Row("not JSON", REQUESTS, b"hello", DROPPED),
    Row("truncated", REQUESTS, request()[:-9], DROPPED),
    Row("two objects", REQUESTS, request() + request(), DROPPED),
    Row("not UTF-8", REQUESTS, request().replace(b"config", b"conf\xff\xfe"), DROPPED),
    Row("UTF-16", REQUESTS, request().decode().encode("utf-16"), DROPPED),
    Row("not UTF-8 inside data", REQUESTS, raw_data(b'{"devices":"\xc3\x28"}'), DROPPED),
    Row("lone surrogate", REQUESTS, raw_data(b'{"devices":[{"sn":"\\ud800"}]}'), DROPPED),
    Row("null", REQUESTS, b"null", DROPPED),
    Row("array", REQUESTS, b"[]", DROPPED),
    Row("number", REQUESTS, b"1e999", DROPPED),
    Row("deep nesting", REQUESTS, DEEP, DROPPED),
    Row("deep nesting in data", REQUESTS, raw_data(DEEP), DROPPED),
    Row("deep nesting of objects", STATUS, raw_data(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "update_topo"), DROPPED),
    Row("NaN", REQUESTS, raw_data(b"NaN"), DROPPED),
    Row("zeros", REQUESTS, b"\0" * 1_000, DROPPED),
    Row("5 MB of garbage", REQUESTS, b"x" * 5_000_000, DROPPED),
    Row("neither tid nor bid", REQUESTS, b'{"method":"config","data":{}}', DROPPED),
    Row("tid and bid are objects", REQUESTS, b'{"tid":{},"bid":[],"method":"config"}', DROPPED),
    # --- requests that are none of ours, or wrong
    Row("5 MB request", REQUESTS, request(data={"devices": [{"sn": "A" * 60}] * 70_000}), REFUSED),
    Row("300 KB topology", STATUS, request("update_topo", {"sub_devices": [{"sn": "x" * 60}] * 4_000}), REFUSED),
    Row("no method", REQUESTS, b'{"tid":"{tid}","bid":"b","data":{}}', UNSUPPORTED),
    Row("method is null", REQUESTS, request(None), UNSUPPORTED),
    Row("method is an object", REQUESTS, request({"a": 1}), UNSUPPORTED),
    Row("method of 10,000 characters", REQUESTS, request("m" * 10_000), UNSUPPORTED),
    Row("method with control characters", REQUESTS, request("a\nb\0c"), UNSUPPORTED),
    Row("data is null", REQUESTS, request("airport_bind_status"), REFUSED),
    Row("data is missing", STATUS, b'{"tid":"{tid}","bid":"b","method":"update_topo"}', REFUSED),
    Row("data is a string", REQUESTS, request(GET, "{}"), REFUSED),
    Row("devices is null", REQUESTS, request("airport_bind_status", {"devices": None}), REFUSED),
    Row("a device is null", REQUESTS, request("airport_bind_status", {"devices": [None]}), REFUSED),
    Row("sub-devices is null", STATUS, request("update_topo", {"sub_devices": None}), REFUSED),
    Row("a sub-device is null", STATUS, request("update_topo", {"sub_devices": [None]}), REFUSED),
    Row("timestamp is an object", REQUESTS, request("config", {}, timestamp={"a": 1}), REFUSED),
    Row("timestamp is huge", STATUS, request("update_topo", [], timestamp=10**400), REFUSED),
    Row("gateway is an object", REQUESTS, request("config", {}, gateway={"sn": 1}), REFUSED),
    Row("SN is a number", REQUESTS, request("airport_bind_status", {"devices": [{"sn": 7}]}), REFUSED),
    Row("code is a number", REQUESTS, request(GET, {**BIND, "device_binding_code": 5}), REFUSED),
    Row("code of 1 MB", REQUESTS, request(GET, {**BIND, "device_binding_code": "C" * 10**6}),
        REFUSED),
    Row("a thousand devices", REQUESTS, request(BINDING, {"bind_devices": [BIND] * 1_000}), REFUSED),
    *(
        Row(f"{name} in a {where}", topic, payload, REFUSED)
        for name, sn in {
            "SN with quotes": "a'\"; DROP TABLE devices_device; --", "SN with slashes": "a/b/c", "SN with +": "+",
            "SN with #": "#", "SN of 500 characters": "A" * 500, "empty SN": "", "SN with a NUL": "A\0B",
            "SN with a newline": "A\nB", "SN with HTML": "<script>", "SN in Arabic": "\u0660\u0661",
        }.items()
        for where, topic, payload in (
            ("question", REQUESTS, request("airport_bind_status", {"devices": [{"sn": sn}]})),
            ("binding", REQUESTS, request(BINDING, {"bind_devices": [{**BIND, "sn": sn}]})),
            ("topology", STATUS, request("update_topo", {"sub_devices": [{"sn": sn, "type": 91}]})),
        )
    ),
    # --- telemetry
    Row("OSD is no JSON", OSD, b"\x01\x02", DROPPED),
    Row("OSD without data", OSD, b'{"tid":"t"}', DROPPED),
    Row("OSD data is null", OSD, b'{"data":null}', DROPPED),
    Row("OSD data is an array", OSD, b'{"data":[{}]}', DROPPED),
    Row("OSD deeply nested", OSD, b'{"data":{"a":' + DEEP + b"}}", DROPPED),
    Row("OSD not UTF-8", OSD, b'{"data":{"a":"\xff"}}', DROPPED),
    Row("OSD of 5 MB", OSD, b'{"data":{"a":"' + b"x" * 5_000_000 + b'"}}', DROPPED),
    Row("state data is a string", "thing/product/{sn}/state", b'{"data":"x"}', DROPPED),
    # --- topics
    Row("quotes in the topic", "thing/product/a'\"b/requests", request(), DROPPED),
    Row("spaces in the topic", "thing/product/ /osd", b'{"data":{"a":1}}', DROPPED),
    Row("500 characters in the topic", f"thing/product/{'S' * 500}/requests", request(), DROPPED),
    Row("no SN in the topic", "sys/product//status", request("update_topo"), DROPPED),
    Row("HTML in the topic", "thing/product/<b>/state", b'{"data":{"a":1}}', DROPPED),
    Row("Arabic in the topic", "thing/product/\u0660/events", b"{}", DROPPED),
    Row("one level more", "thing/product/{sn}/requests/more", request(), NOT_HEARD),
    Row("one level less", "thing/product/requests", request(), NOT_HEARD),
    Row("another product", "thing/products/{sn}/requests", request(), NOT_HEARD),
    Row("a reply of ours", "thing/product/{sn}/requests_reply/x", request(), NOT_HEARD),
]  # fmt: skip


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Acme", docks=3)


@pytest.fixture(scope="module")
def victim(acme: Tenant) -> str:
    """The SN, with an account, under which all this is sent."""
    return str(acme.account()["sn"])


@pytest.fixture(scope="module")
def sender(platform: Platform, victim: str) -> Iterator[Gateway]:
    with Gateway(server_account(platform, victim)) as client:
        yield client


def stored(platform: Platform, *, live: str = "") -> dict[str, Any]:
    """How many rows there are, and the live values of a device."""
    with psycopg.connect(platform.env["DATABASE_URL"]) as connection:
        counts: dict[str, Any] = {
            table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()  # noqa: S608  our names
            for table in TABLES
        }
    counts["live"] = live_values(platform.redis_url, live) if live else {}
    return counts


def outcome(row: Row, sender: Gateway, platform: Platform, log_before: int) -> str:
    """What becomes of a row, as soon as it is known."""
    sn, tid = sender.sn, new_sn("tid")
    payload = row.payload.replace(b"{tid}", tid.encode())
    sender.publish(row.topic.replace("{sn}", sn), payload)
    sent = {"tid": tid, "method": row.what}
    if row.expected == NOT_HEARD:
        # What follows on the same way has arrived, so this would have, too.
        sender.request("offline_map_get", None)
    found = ""

    def known() -> bool:
        nonlocal found
        for reply in sender.arrived(sent):
            found = str(reply.data.get("result"))
            assert set(reply.data) == {"result"}, reply.text
        for reason in re.findall(r"dropped \((.*?)\) ", platform.logs("mqtt_worker")[log_before:]):
            found = f"{DROPPED} ({reason})"
        return bool(found) or row.expected == NOT_HEARD

    wait_until(known, f"{row.what}: something becomes of it", 20)
    return found or NOT_HEARD


def test_bad_input_is_answered_or_dropped(acme: Tenant, victim: str, sender: Gateway, platform: Platform) -> None:
    worker, celery = platform.children["mqtt_worker"].pid, platform.children["celery"].pid
    sender.request("offline_map_get", None)  # the sender is known, as a device that was heard
    before = stored(platform, live=victim)
    wrong = []
    for row in ROWS:
        log_before = len(platform.logs("mqtt_worker"))
        found = outcome(row, sender, platform, log_before)
        print(f"{row.what:<45} {found}")  # noqa: T201
        if not found.startswith(row.expected):
            wrong.append((row.what, row.expected, found))
        line = platform.logs("mqtt_worker")[log_before:]
        assert len(line) < 3_000, f"{row.what}: {len(line)} characters in the log"
        time.sleep(0.1)  # the log shows ten bad messages a second
    assert wrong == []
    assert stored(platform, live=victim) == before
    assert (platform.children["mqtt_worker"].pid, platform.children["celery"].pid) == (worker, celery)
    assert platform.answers("mqtt_worker")
    assert "Traceback" not in platform.logs("mqtt_worker")

    code = acme.code()
    with acme.dock() as dock:
        assert err_infos(dock.request(BINDING, acme.bind_data(code, dock.sn))) == [(dock.sn, 0)]
    counts = json.loads(platform.run("mqtt_worker", "--status"))["worker"]["counts"]
    dropped = {name: number for name, number in counts.items() if name.startswith("dropped.")}
    print(dropped)  # noqa: T201
    assert sum(dropped.values()) >= sum(row.expected == DROPPED for row in ROWS)


def test_no_secret_of_a_bad_message_is_logged(sender: Gateway, platform: Platform) -> None:
    before = len(platform.logs("mqtt_worker"))
    sender.publish(sender.requests, b'{"tid":"t","device_binding_code":"SECRETCODE99","password": "SECRETCODE99", x')
    wait_until(lambda: "dropped" in platform.logs("mqtt_worker")[before:], "it is logged")
    assert "SECRETCODE99" not in platform.logs("mqtt_worker")


def test_a_retained_message_is_the_past(acme: Tenant, sender: Gateway, platform: Platform) -> None:
    """Devices retain nothing; a planted message must not come back with every restart of the worker."""
    code = acme.code()
    with acme.dock() as dock:
        assert err_infos(dock.request(BINDING, acme.bind_data(code, dock.sn))) == [(dock.sn, 0)]
        topic = f"thing/product/{dock.sn}/osd"
        try:
            sender.publish(topic, b'{"data":{"planted":1}}', retain=True)
            wait_until(lambda: values(platform, dock.sn).get("planted") == 1, "it arrives once")
            dock.telemetry(dock.sn, {"planted": 2})
            wait_until(lambda: values(platform, dock.sn).get("planted") == 2, "what is newer replaces it")
            before = len(platform.logs("mqtt_worker"))
            platform.restart("mqtt_worker")
            wait_until(lambda: "dropped (retained" in platform.logs("mqtt_worker")[before:], "it is dropped")
            dock.telemetry(dock.sn, {"later": 3})
            wait_until(lambda: values(platform, dock.sn).get("later") == 3, "telemetry goes on")
            assert values(platform, dock.sn)["planted"] == 2
        finally:
            sender.publish(topic, b"", retain=True)


def values(platform: Platform, sn: str) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in live_values(platform.redis_url, sn).items()}
