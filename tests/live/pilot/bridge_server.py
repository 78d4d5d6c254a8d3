"""How the injected script reaches the native side: calls are synchronous, so they travel by HTTP, not by Playwright."""

import contextlib
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class BridgeServer:
    """`call(name, args)` answers one bridge call, `callbacks(after)` the callbacks since the page's last question."""

    def __init__(self, call: Callable[[str, list[Any]], Any], callbacks: Callable[[str], dict[str, Any]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer({"result": call(body["name"], body["args"])})

            def do_GET(self) -> None:
                self._answer(callbacks(self.path.partition("?")[2]))

            def _answer(self, value: Any) -> None:
                body = json.dumps(value).encode()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the page has gone
                    self.send_response(200)
                    self.send_header("Access-Control-Allow-Origin", "*")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
