"""WebSockets: of another workspace, from another site, with a token in the wrong place, and clients that talk."""

import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.attacks.people import People
from tests.attacks.scene import Scene
from tests.attacks.table import Attack
from tests.attacks.visitor import Visitor

pytestmark = pytest.mark.live


def opened(
    scene: Scene, path: str, *, session: Visitor | None = None, origin: str | None = "", **headers: str
) -> ClientConnection:
    """Raises InvalidStatus when it is refused."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if session is not None and "sessionid" in session.cookies:
        given["Cookie"] = f"sessionid={session.cookies['sessionid']}"
    url, own = f"ws://127.0.0.1:{scene.platform.http_port}{path}", scene.platform.http_url
    chosen: Any = own if origin == "" else origin
    return connect(url, additional_headers=given, origin=chosen, open_timeout=20, max_size=None)


def refusal(*arguments: Any, **options: Any) -> int:
    """The status with which the server refuses; 0 if it opens."""
    try:
        opened(*arguments, **options).close()
    except InvalidStatus as refused:
        return refused.response.status_code
    return 0


def console(scene: Scene) -> str:
    return f"/ws/workspaces/{scene.a.workspace_id}/"


@pytest.mark.parametrize("who", ["anonymous", "outsider", "foreign pilot", "superuser"])
def test_console_of_another_workspace(scene: Scene, people: People, who: str, attack: Attack) -> None:
    """A platform superuser is no member: reaching across tenants is the administration's work."""
    status = refusal(scene, console(scene), session=people.sessions[who])
    assert status == 403
    with opened(scene, console(scene), session=people.sessions["viewer"]) as own:
        attack.control(scene.a.sn in str(own.recv(timeout=20)), "a member gets the devices")
    attack.stopped(f"{status}")


@pytest.mark.parametrize("place", ["own token", "header", "cookie", "protocol"])
def test_console_by_token(scene: Scene, people: People, place: str, attack: Attack) -> None:
    path, right = console(scene), people.tokens["viewer"].token
    wrong = people.tokens["outsider"].token
    tried: dict[str, Any] = {
        "own token": {"path": f"{path}?x-auth-token={wrong}"},
        "header": {"path": path, "X_Auth_Token": wrong},
        "cookie": {"path": path, "Cookie": f"x-auth-token={right}"},
        "protocol": {"path": path, "Sec_WebSocket_Protocol": right},
    }
    status = refusal(scene, **tried[place])
    assert status == 403
    with opened(scene, f"{path}?x-auth-token={quote(right)}") as own:
        attack.control(scene.a.sn in str(own.recv(timeout=20)), "a member's token works")
    attack.stopped(f"{status}")


ORIGINS = {
    "another site": "https://evil.example",
    "null": "null",
    "our name as a subdomain": "http://127.0.0.1.evil.example",
    "our name as a user": "http://127.0.0.1@evil.example",
    "our name in its path": "http://evil.example/127.0.0.1",
    "a file": "file://",
    "an extension": "chrome-extension://abcdef",
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_member_s_session_from(scene: Scene, people: People, origin: str, attack: Attack) -> None:
    """A page of another site opens the socket in a member's browser, which adds the session cookie."""
    status = refusal(scene, console(scene), session=people.sessions["viewer"], origin=ORIGINS[origin])
    assert status == 403
    own = refusal(scene, console(scene), session=people.sessions["viewer"])
    attack.control(own == 0, "the own page opens it")
    attack.stopped(f"{status}")


@pytest.mark.parametrize(
    "path",
    [
        "/ws/workspaces/00000000-0000-4000-8000-000000000000/", "/ws/workspaces/", "/ws/", "/",
        "/ws/workspaces/{ws}/../{ws}/", "/ws/workspaces/{ws}%2f", "//ws/workspaces/{ws}/", "/ws/workspaces/{ws}/extra/",
    ],
)  # fmt: skip
def test_odd_path(scene: Scene, people: People, path: str, attack: Attack) -> None:
    status = refusal(scene, path.format(ws=scene.a.workspace_id), session=people.sessions["outsider"])
    assert status in (400, 403, 404)
    attack.control(refusal(scene, console(scene), session=people.sessions["viewer"]) == 0, "the right path opens")
    attack.stopped(f"{status}")


def test_frames_of_another_workspace(scene: Scene, people: People, attack: Attack) -> None:
    """The Cloud API's socket has no workspace in its path; what it sends must follow from the token."""
    frames: dict[str, list[str]] = {}
    with (
        opened(scene, f"/api/v1/ws?x-auth-token={people.tokens['outsider'].token}") as stranger,
        opened(scene, f"/api/v1/ws?x-auth-token={people.tokens['viewer'].token}") as member,
        opened(scene, f"/ws/workspaces/{scene.b.workspace_id}/", session=people.sessions["outsider"]) as page,
    ):
        deadline = time.monotonic() + 20
        while scene.a.sn not in str(frames.get("member")) or time.monotonic() < deadline - 18:
            assert time.monotonic() < deadline, "the member hears of the dock"
            scene.a.dock.telemetry(scene.a.sn, {"mode_code": int(time.time()) % 5, "height": time.time()})
            scene.b.dock.telemetry(scene.b.sn, {"mode_code": int(time.time()) % 5, "height": time.time()})
            for name, each in (("stranger", stranger), ("member", member), ("page", page)):
                try:
                    frames.setdefault(name, []).append(str(each.recv(timeout=0.1)))
                except TimeoutError:
                    continue
    attack.control(scene.b.sn in str(frames["page"]), "the attacker's sockets are alive")
    for name in ("stranger", "page"):
        assert scene.a.sn not in str(frames[name])
        assert not [secret for secret in scene.secrets if secret in str(frames[name])]
    attack.stopped("only the own workspace's devices")


@pytest.mark.parametrize("said", ["a frame of the server", "a group message", "2 MB", "binary", "not UTF-8"])
def test_client_that_talks(scene: Scene, people: People, said: str, attack: Attack) -> None:
    """Nothing that a viewer sends reaches others, or ends more than their own socket."""
    payload = "forged-by-a-viewer"
    texts: dict[str, str | bytes] = {
        "a frame of the server": json.dumps({"type": "delta", "at": 1, "devices": [{"sn": payload}]}),
        "a group message": json.dumps({"type": "live.frame", "text": payload}),
        "2 MB": payload * 110_000,
        "binary": payload.encode() + b"\0\xff",
        "not UTF-8": b"\xff\xfe" * 100,
    }
    seen: list[str] = []
    with (
        opened(scene, console(scene), session=people.sessions["viewer"]) as talker,
        opened(scene, console(scene), session=people.sessions["operator"]) as other,
    ):
        try:
            talker.send(texts[said])
            talker.ping().wait(2)
            outcome = "ignored"
        except ConnectionClosed as closed:
            outcome = f"closed, {closed.rcvd.code if closed.rcvd else 'without a code'}"
        deadline = time.monotonic() + 20
        while "own_value_of_a" not in str(seen):
            assert time.monotonic() < deadline, "the other member goes on hearing"
            scene.a.dock.telemetry(scene.a.sn, {"own_value_of_a": time.time(), "mode_code": 1, "height": time.time()})
            try:
                seen.append(str(other.recv(timeout=0.3)))
            except TimeoutError:
                continue
            if scene.a.sn in seen[-1] and len(seen) > 1:
                break
    attack.control(scene.a.sn in str(seen), "the other member goes on hearing")
    assert payload not in str(seen)
    attack.stopped(outcome)
