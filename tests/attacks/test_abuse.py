"""Guessing, timing, and clients that take more than their share. Bounds are generous: the machine may be busy."""

import contextlib
import hashlib
import itertools
import json
import socket
import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import redis

from cloudapi.web import bounds
from tests.attacks.mqtt_probe import open_sockets
from tests.attacks.people import People
from tests.attacks.scene import Scene
from tests.attacks.table import Attack
from tests.attacks.visitor import API, Visitor
from tests.live.dji_http import new_users
from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant
from tests.platform import HOST

pytestmark = pytest.mark.live
WRONG, THROTTLED = "ZZZZZZZZZZZZ", "code 429"


def failed_before(scene: Scene, kind: str, text: str, number: int) -> None:
    """As if so many log-ins had failed, each of which would take a third of a second."""
    key = f"cloudapi:login-failures:{kind}:{hashlib.sha256(text.lower().encode()).hexdigest()[:32]}"
    with redis.Redis.from_url(scene.platform.redis_url) as client:
        client.set(key, number, ex=900)


@pytest.mark.parametrize("way", ["API", "page"])
def test_password_guessing_from_many_addresses(scene: Scene, way: str, attack: Attack) -> None:
    """A guesser with a botnet against one user; the right password does not help either then."""
    [user] = new_users(scene.a.tenant, "viewer", 1)
    attack.control(Visitor(scene.platform).try_token(user).kind == "ok", "the right password works before")
    failed_before(scene, "username", user["username"], 8)
    wrong = {**user, "password": "wrong"}
    for _guess in range(2):
        assert Visitor(scene.platform).try_token(wrong).kind == "code 401"
    if way == "API":
        assert Visitor(scene.platform).try_token(user).kind == THROTTLED
    else:
        reply = Visitor(scene.platform).submit("/login/", user)
        assert reply.status == 200
    attack.stopped("after 10 wrong ones the right one is refused, too")


@pytest.mark.parametrize("forged", ["203.0.113.7", "127.0.0.1", "203.0.113.7, 203.0.113.8", "::1", "x"])
def test_forged_address_against_the_throttle(scene: Scene, forged: str, attack: Attack) -> None:
    """The proxy adds the true address at the end; what stands before it is what the client said."""
    address = f"192.0.2.{abs(hash(forged)) % 250 + 1}"
    failed_before(scene, "address", address, 50)
    user = scene.a.users["viewer"]
    body = {"username": user["username"], "password": user["password"], "flag": 1}
    headers = {"X-Forwarded-For": f"{forged}, {address}", "X-Real-IP": forged, "Forwarded": f"for={forged}"}
    refused = Visitor(scene.platform).ask("POST", f"{API}/login", body, headers=headers)
    assert refused.kind == THROTTLED
    attack.control(Visitor(scene.platform).try_token(user).kind == "ok", "from another address it works")
    attack.stopped("429")


def test_code_guessing_from_many_gateways(scene: Scene, attack: Attack) -> None:
    """Stolen controllers of one organization guess its codes together."""
    guessed = Tenant(scene.platform, "Guessed")
    accounts, right = guessed.accounts(12), guessed.code(docks=20)
    tried = 0
    with Gateway(accounts[0]) as rightful:
        named = rightful.request("airport_organization_get", guessed.get_data(right))
        attack.control(named["result"] == 0, "the right code works before")
    for account in accounts[1:11]:
        with Gateway(account) as gateway:
            sent = [
                gateway.send(gateway.requests, "airport_organization_get", guessed.get_data(WRONG)) for _ in range(7)
            ]
            assert {gateway.answers(each)[0].data["result"] for each in sent} == {210230}
            assert gateway.request("airport_organization_get", guessed.get_data(right))["result"] == 210230
            tried += 5
    with Gateway(accounts[11]) as fresh:
        assert fresh.request("airport_organization_get", guessed.get_data(right))["result"] == 210230
    counted = scene.rows(
        "SELECT count(*) FROM workspaces_auditentry a JOIN workspaces_organization o ON o.id = a.organization_id "
        "WHERE a.action = 'bind_code.wrong' AND o.organization_id = %s", guessed.organization_id,
    )  # fmt: skip
    assert counted == [(50,)]
    named = scene.a.dock.request("airport_organization_get", scene.a.tenant.get_data(scene.a.code))
    attack.control(named["result"] == 0, "another organization is not locked")
    attack.stopped("5 guesses a gateway, 50 an organization, then all is refused for an hour")


# --- timing -----------------------------------------------------------------------------------------------------------
def test_time_of_a_log_in(scene: Scene, attack: Attack) -> None:
    """Whether a user exists should not show in how long a wrong password takes."""
    [known] = new_users(scene.a.tenant, "viewer", 1)
    kinds = {"known": known["username"], "unknown": "nobody-of-that-name"}
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _round in range(4):
        for kind, username in kinds.items():
            began = time.perf_counter()
            reply = Visitor(scene.platform).try_token({"username": username, "password": "wrong", "role": "viewer"})
            taken[kind].append(time.perf_counter() - began)
            assert reply.kind == "code 401"
            assert json.loads(reply.text)["message"] == "Wrong user name or password."
    medians = {kind: statistics.median(seconds) for kind, seconds in taken.items()}
    assert max(medians.values()) < 3 * min(medians.values()), medians
    attack.control(min(medians.values()) > 0.05, f"a password is hashed each time: {medians}")
    attack.stopped(", ".join(f"{kind} {seconds * 1000:.0f} ms" for kind, seconds in medians.items()))


def test_time_of_a_code(scene: Scene, attack: Attack) -> None:
    """A code of another organization should look like no code, also to a stopwatch."""
    timed = Tenant(scene.platform, "Timed")
    accounts = timed.accounts(4)
    kinds = {"no code": WRONG, "another's code": scene.a.code, "nearly another's": scene.a.code[:-1] + "2"}
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for account in accounts:  # each may be wrong four times
        with Gateway(account) as gateway:
            gateway.request("airport_bind_status", {"devices": [{"sn": gateway.sn}]})
            for kind, code in kinds.items():
                began = time.perf_counter()
                assert gateway.request("airport_organization_get", timed.get_data(code)) == {"result": 210230}
                taken[kind].append(time.perf_counter() - began)
    best = {kind: min(seconds) for kind, seconds in taken.items()}
    assert max(best.values()) < 4 * min(best.values()) + 0.05, best
    own = scene.a.dock.request("airport_organization_get", scene.a.tenant.get_data(scene.a.code))
    attack.control(own["result"] == 0, "the code is a code")
    attack.stopped(", ".join(f"{kind} {seconds * 1000:.0f} ms" for kind, seconds in best.items()))


# --- greedy clients ---------------------------------------------------------------------------------------------------
def page_served(scene: Scene) -> float:
    began = time.perf_counter()
    assert Visitor(scene.platform).ask("GET", "/login/").kind == "ok"
    return time.perf_counter() - began


#: What clients send before they fall silent, and after how many seconds they are hung up.
SILENT_AFTER: dict[str, tuple[bytes, float]] = {
    "half a line": (b"GET / HT", bounds.RECEIVE_SECONDS),
    "half a head": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-", bounds.RECEIVE_SECONDS),
    "no body": (b"POST /login/ HTTP/1.1\r\nContent-Length: 9\r\n\r\n", bounds.RECEIVE_SECONDS),
    "nothing": (b"", bounds.IDLE_SECONDS),
}
SILENT_CLIENTS = 100


class Silent(NamedTuple):
    """So many connections of each kind, when they were opened, and how long a page took then."""

    connections: dict[str, list[socket.socket]]
    opened_at: float
    page_seconds: float


@pytest.fixture(scope="module")
def silent(scene: Scene) -> Iterator[Silent]:
    port, opened_at = scene.platform.http_port, time.monotonic()
    opened = {kind: open_sockets(port, [sent] * SILENT_CLIENTS) for kind, (sent, _seconds) in SILENT_AFTER.items()}
    yield Silent(opened, opened_at, page_served(scene))
    for connection in itertools.chain.from_iterable(opened.values()):
        connection.close()


def is_hung_up(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize("sent", SILENT_AFTER)
def test_slow_requests(silent: Silent, sent: str, attack: Attack) -> None:
    """They keep nobody from being served, and no connection for long."""
    limit = SILENT_AFTER[sent][1]
    attack.control(silent.page_seconds < 5, "a page is served while all of them are open")
    waiting = silent.connections[sent]
    while waiting and time.monotonic() < silent.opened_at + limit + 15:
        waiting = [connection for connection in waiting if not is_hung_up(connection)]
        time.sleep(0.25)
    assert waiting == [], f"{len(waiting)} connections are still open"
    served = f"a page was served in {silent.page_seconds:.2f} s"
    attack.stopped(f"{SILENT_CLIENTS} connections; {served}, they were hung up after {limit} s")


BODIES: dict[str, tuple[bytes, Any]] = {
    "2 MB of JSON": (b'{"username":"' + b"a" * 2_000_000 + b'"}', (413, 200)),
    "deep JSON": (b"[" * 100_000 + b"]" * 100_000, (200, 413)),
    "a huge number": (b'{"flag":' + b"9" * 100_000 + b"}", (200, 413)),
    "NaN": (b'{"flag":NaN}', (200,)),
    "not UTF-8": (b'{"username":"\xff"}', (200,)),
    "a NUL": (b'{"username":"a\\u0000b","password":"x","flag":1}', (200,)),
    "a lone surrogate": (b'{"username":"\\ud800","password":"x","flag":1}', (200,)),
    "duplicate keys": (b'{"username":"a","username":"b","password":"x","flag":1}', (200,)),
}


@pytest.mark.parametrize("body", BODIES)
def test_odd_body(scene: Scene, body: str, attack: Attack) -> None:
    """From somebody who has not logged in."""
    sent, statuses = BODIES[body]
    reply = Visitor(scene.platform).ask("POST", f"{API}/login", sent)
    assert reply.status in statuses
    assert reply.code != 0
    assert "Internal error" not in reply.text
    seconds = page_served(scene)
    attack.control(seconds < 10, "a page is served after it")
    attack.stopped(f"{reply.status}, code {reply.code}")


def test_endless_body(scene: Scene, attack: Attack) -> None:
    """It is refused when it is announced; what comes all the same is thrown away until the connection is closed."""
    head = f"POST {API}/login HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2000000000\r\n\r\n"
    with socket.create_connection((HOST, scene.platform.http_port), timeout=10) as connection:
        connection.sendall(head.encode())
        connection.sendall(b"x" * 65_536)
        answer = connection.recv(100)
        assert answer.startswith(b"HTTP/1.1 413"), answer
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 10:
                connection.sendall(b"x" * 1_000)
                time.sleep(0.05)
        assert time.monotonic() - began < 10
    attack.control(page_served(scene) < 10, "a page is served after it")
    attack.stopped("413, and the connection is closed")


def test_pages_and_filters_of_any_size(scene: Scene, people: People, attack: Attack) -> None:
    path = f"{API}/devices/{scene.b.workspace_id}/devices/bound"
    huge = "page=99999999999999999999"
    for query in ("page=-1", "page_size=999999999", huge, "page=1e9", "domain=-1", "domain=%00", "page[]=1"):
        reply = people.tokens["outsider"].ask("GET", f"{path}?{query}")
        assert reply.kind == "ok", (query, reply)
        assert reply.data["pagination"]["page_size"] <= 500
    attack.control(people.tokens["outsider"].ask("GET", path).data["list"], "the list is there")
    attack.stopped("read as the default, or as the most there is")


def test_questions_of_emqx_by_anybody(scene: Scene, attack: Attack) -> None:
    """Who may ask them may try broker passwords without a throttle. This platform runs with Mosquitto."""
    question = {"username": scene.a.sn, "password": scene.a.account["mqtt_password"], "clientid": scene.a.sn}
    for path in ("/internal/mqtt/authn", "/internal/mqtt/authz", "//internal/mqtt/authn"):
        for secret in ("", "wrong"):
            reply = Visitor(scene.platform).ask("POST", path, question, headers={"Authorization": f"Bearer {secret}"})
            assert "allow" not in reply.text.lower().replace("allowed", "")
            assert reply.status in (200, 403, 404)
    attack.control(page_served(scene) < 10, "the server answers others")
    attack.stopped(f"{reply.status}, never allow")
