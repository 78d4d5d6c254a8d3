"""Text that becomes something else: redirects, headers, log lines, hosts, tables for spreadsheets."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from tests.attacks.mqtt_probe import Account, Probe
from tests.attacks.people import People
from tests.attacks.scene import Scene
from tests.attacks.table import Attack
from tests.attacks.visitor import API, Visitor
from tests.live.stored_values import live_values
from tests.processes import wait_until

pytestmark = pytest.mark.live

EVIL = [
    "https://evil.example/", "//evil.example/", "///evil.example/", r"/\evil.example/", r"\\evil.example/",
    "https:evil.example", "javascript:alert(1)", "http://127.0.0.1@evil.example/", "http://127.0.0.1.evil.example/",
    "/\t/evil.example/", "data:text/html,x", "//127.0.0.1:1/",
]  # fmt: skip


def leaves(location: str) -> bool:
    """Whether a browser that follows it is somewhere else then."""
    plain = re.sub(r"[\t\r\n]", "", location).replace("\\", "/")
    return plain.startswith("//") or bool(re.match(r"[a-z][a-z0-9+.-]*:", plain, re.IGNORECASE))


@pytest.mark.parametrize("next_page", EVIL, ids=repr)
def test_open_redirect(scene: Scene, people: People, next_page: str, attack: Attack) -> None:
    member, asked = people.sessions["viewer"], quote(next_page, safe="")
    own = f"/workspaces/{scene.a.workspace_id}/"
    replies = [
        member.ask("GET", f"/login/?next={asked}"),
        member.submit("/language/", {"language": "en", "next": next_page}, page=own),
        people.sessions["superuser"].ask("GET", f"/admin/login/?next={asked}"),
        people.sessions["anonymous"].ask("GET", f"/admin/?next={asked}"),
    ]
    for reply in replies:
        assert not leaves(reply.headers.get("location", "")), reply
    honoured = member.ask("GET", f"/login/?next={quote(own)}").headers.get("location")
    attack.control(honoured == own, f"a page of ours is honoured: {honoured}")
    attack.stopped(", ".join(reply.headers.get("location", str(reply.status)) for reply in replies))


@pytest.mark.parametrize(
    "path", ["//evil.example/%2e%2e", "//evil.example/admin", r"/\evil.example/", "//evil.example//"]
)
def test_redirect_by_a_path_with_two_slashes(scene: Scene, people: People, path: str, attack: Attack) -> None:
    reply = people.sessions["viewer"].ask("GET", path)
    assert not leaves(reply.headers.get("location", "")), reply
    attack.control(people.sessions["viewer"].ask("GET", "/admin").status in (301, 302), "a missing slash is added")
    attack.stopped(f"{reply.status}")


@pytest.mark.parametrize("where", ["next", "language", "path"])
def test_header_by_a_line_break(scene: Scene, people: People, where: str, attack: Attack) -> None:
    broken = "/%0d%0aSet-Cookie:%20stolen=1%0d%0a"
    visitor = people.sessions["viewer"]
    reply = {
        "next": lambda: visitor.ask("GET", f"/login/?next={broken}"),
        "language": lambda: visitor.submit(
            "/language/",
            {"language": "en", "next": "/\r\nSet-Cookie: stolen=1"},
            page=f"/workspaces/{scene.a.workspace_id}/",
        ),
        "path": lambda: visitor.ask("GET", f"/workspaces{broken}"),
    }[where]()
    assert "stolen" not in visitor.cookies
    assert "stolen=1" not in reply.headers.get("set-cookie", "")
    attack.control(reply.status < 500, "it is answered")
    attack.stopped(f"{reply.status}, one header")


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "127.0.0.1@evil.example"}, {"Host": ""}], ids=str
)
def test_foreign_host(scene: Scene, people: People, headers: dict[str, str], attack: Attack) -> None:
    reply = people.sessions["anonymous"].ask("GET", "/login/", headers=headers)
    assert reply.status == 400
    assert "evil" not in reply.text + str(reply.headers)
    attack.control(people.sessions["anonymous"].ask("GET", "/login/").kind == "ok", "the right host works")
    attack.stopped("400")


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-User"]
)
def test_header_that_nobody_should_read(scene: Scene, people: People, header: str, attack: Attack) -> None:
    value = {"X-Original-URL": "/admin/", "X-Rewrite-URL": "/admin/", "X-HTTP-Method-Override": "DELETE"}.get(
        header, "root"
    )
    plain = people.sessions["anonymous"].ask("GET", "/pilot/")
    reply = people.sessions["anonymous"].ask("GET", "/pilot/", headers={header: value})
    assert reply.status == plain.status
    assert "root" not in reply.text
    attack.control(plain.kind == "ok", "the page is there")
    attack.stopped("no difference")


# --- log lines --------------------------------------------------------------------------------------------------------
def logs(scene: Scene) -> str:
    return "\n".join(scene.platform.logs(name) for name in scene.platform.children)


@pytest.mark.parametrize("place", ["payload", "method", "user name", "path", "callsign", "client id"])
def test_forged_log_line(scene: Scene, people: People, place: str, attack: Attack) -> None:
    word = f"FORGED{place.replace(' ', '')}"
    text = f"x\r\n{word} CRITICAL root: all is well\x1b[2J\n{word}"
    dock = scene.b.dock
    if place == "payload":
        dock.publish(dock.requests, text)
        wait_until(lambda: word in scene.platform.logs("mqtt_worker"), "the worker logs it")
    elif place == "method":
        assert dock.request(text, {}) == {"result": 210003}
    elif place == "user name":
        Visitor(scene.platform).try_token({"username": text, "password": text, "role": "viewer"})
    elif place == "path":
        Visitor(scene.platform).ask("GET", f"/{quote(text)}")
        Visitor(scene.platform).ask("GET", f"{API}/{quote(text)}", headers={"User-Agent": word, "Referer": f"/{word}"})
    elif place == "callsign":
        path = f"{API}/devices/{scene.b.workspace_id}/devices/{scene.b.sn}"
        people.tokens["outsider"].ask("PUT", path, {"nickname": text})
    else:
        with Probe(scene.platform.mqtt_port, Account.of(scene.b.free), client_id=text.replace("\r", "")):
            pass
    forged = [line for line in logs(scene).splitlines() if line.startswith(word)]
    ours = [name for name in scene.platform.children if name != "broker"]
    assert not [line for name in ours for line in scene.platform.logs(name).splitlines() if line.startswith(word)]
    dock.publish(dock.requests, f"after {place}")
    wait_until(lambda: f"after {place}" in scene.platform.logs("mqtt_worker"), "what follows is logged")
    lines = scene.platform.logs("mqtt_worker").splitlines()
    attack.control(sum(f"after {place}" in line for line in lines) == 1, "what follows is logged as a line of its own")
    attack.stopped("escaped" if not forged else "escaped by us; Mosquitto's own log has it")


@pytest.mark.parametrize(
    "notice", ["closed its connection.", "disconnected: x", "has exceeded timeout, disconnecting."]
)
def test_client_id_that_reads_like_a_notice(scene: Scene, notice: str, attack: Attack) -> None:
    """Mosquitto's log names client ids. One that holds a whole notice should not end another's connection for us."""
    from mqtt_bridge import notices

    said: list[bytes] = []
    client_id = f"{scene.a.sn} {notice}"
    with Probe(scene.platform.mqtt_port, Account.of(scene.server), client_id="cloudapi-notices") as admin:
        admin.subscribe("$SYS/broker/log/#")
        for _twice in range(2):  # the second time takes the first over, which is said, too
            # By the server's account, since a gateway's takes no client id but its SN.
            first = Probe(scene.platform.mqtt_port, Account.of(scene.server), client_id=client_id)
            second = Probe(scene.platform.mqtt_port, Account.of(scene.server), client_id=client_id)
            with first, second:
                wait_until(lambda first=first: not first.is_connected, "the first is taken over")  # type: ignore[misc]
        wait_until(lambda: sum(notice.encode() in message[1] for message in admin.messages) >= 4, "it is said")
        said = [message[1] for message in admin.messages if scene.a.sn.encode() in message[1]]
    meant = [notices.read("$SYS/broker/log/N", text) for text in said]
    assert not [each for each in meant if each is not None and each.client_id == scene.a.sn], said
    attack.control([each for each in meant if each is not None and each.client_id == client_id], "the notices are read")
    with Probe(scene.platform.mqtt_port, Account.of(scene.b.free), client_id=client_id) as attacker:
        assert not attacker.is_connected
    attack.stopped("refused, and read as the odd client id that it is")


# --- what leaves as a file --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["text/csv", "application/vnd.ms-excel", "text/html", "application/xml"])
def test_formula_in_a_table(scene: Scene, people: People, kind: str, attack: Attack) -> None:
    """There is no export: whatever a client asks for, the API answers with JSON, which no spreadsheet runs."""
    member, path = people.tokens["outsider"], f"{API}/devices/{scene.b.workspace_id}/devices"
    formula = '=HYPERLINK("https://evil.example","x")<script>alert(1)</script>'
    assert member.ask("PUT", f"{path}/{scene.b.sn}", {"nickname": formula}).kind == "ok"
    reply = member.ask("GET", f"{path}?format=csv", headers={"Accept": kind})
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-content-type-options"] == "nosniff"
    attack.control(formula in str(json.loads(reply.text)), "the text is stored as it is")
    attack.stopped("JSON, nosniff")


def test_values_of_a_device_as_commands(scene: Scene, people: People, attack: Attack) -> None:
    """Keys that mean something to JavaScript or to Python's format."""
    odd: dict[str, Any] = {"__proto__": {"polluted": 1}, "constructor": 1, "{0.__class__}": 1, "%(x)s": 1, "$where": 1}
    scene.b.dock.telemetry(scene.b.sn, {**odd, "after_odd": 1})
    valkey = scene.platform.redis_url
    wait_until(lambda: "after_odd" in live_values(valkey, scene.b.sn), "the worker has had it")
    attack.control(live_values(valkey, scene.b.sn)["after_odd"] == b"1", "what comes along with them is stored")
    page = people.sessions["outsider"]
    assert page.ask("GET", f"/workspaces/{scene.b.workspace_id}/").kind == "ok"
    assert scene.platform.answers("mqtt_worker")
    assert "Traceback" not in scene.platform.logs("mqtt_worker")
    attack.stopped("kept as text")
