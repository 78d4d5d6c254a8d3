"""EMQX's side of the conversation: its documented requests, and a REST API that answers as documented."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

FIXTURES = Path(__file__).parent / "fixtures" / "emqx"
SECRET = "the-secret-that-emqx-shows-0123456789"
API_KEY, API_SECRET = "cloudapi", "the-api-secret"


def fixture(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return loaded


def authn(username: str, password: str, client_id: str, **other: Any) -> bytes:
    """The documented request, filled in; None leaves a field out."""
    return _filled("authn", **{"username": username, "password": password, "clientid": client_id, **other})


def authz(username: str, action: str, topic: str, *, client_id: str = "", **other: Any) -> bytes:
    return _filled("authz", username=username, action=action, topic=topic, clientid=client_id or username, **other)


def _filled(name: str, **values: Any) -> bytes:
    body = {**fixture(name)["body"], **values}
    return json.dumps({key: value for key, value in body.items() if value is not None}).encode()


class Api:
    """User names and topics by client id, as `/clients` and what is below it know them; and what was asked."""

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.subscriptions: dict[str, list[str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.answer_with: int | None = None
        self.url = ""


@contextmanager
def api_server() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.endswith("/subscriptions"):
                client_id = self._client_id()
                topics = api.subscriptions.get(client_id, [])
                rows = [
                    {**fixture("subscriptions")["answer"][0], "clientid": client_id, "topic": topic} for topic in topics
                ]
                self._answer(200, rows)
                return
            query = parse_qs(urlsplit(self.path).query)
            page, limit, username = int(query["page"][0]), int(query["limit"][0]), query["username"][0]
            found = sorted(client_id for client_id, owner in api.sessions.items() if owner == username)
            shown = found[(page - 1) * limit : page * limit]
            row = fixture("clients")["answer"]["data"][0]
            answer = {
                "data": [{**row, "clientid": client_id, "username": username} for client_id in shown],
                "meta": {"count": len(found), "hasnext": page * limit < len(found), "limit": limit, "page": page},
            }
            self._answer(200, answer)

        def do_DELETE(self) -> None:
            client_id = self._client_id()
            known = client_id in api.sessions
            if known and not self.path.endswith("/authorization/cache"):
                del api.sessions[client_id]
            self._answer(204 if known else 404, None if known else fixture("clients")["not_found"])

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            topics = api.subscriptions.get(self._client_id(), [])
            if self.path.endswith("/unsubscribe") and body["topic"] in topics:
                topics.remove(body["topic"])
            self._answer(204, None)

        def _client_id(self) -> str:
            return unquote(self.path.removeprefix("/api/v5/clients/").split("/")[0])

        def _answer(self, status: int, body: Any) -> None:
            api.asked.append((self.command, self.path))
            key = "Basic " + base64.b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode()
            if self.headers["Authorization"] != key:
                status, body = 401, {"code": "BAD_API_KEY_OR_SECRET", "message": "Check api_key/api_secret"}
            status = api.answer_with or status
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
