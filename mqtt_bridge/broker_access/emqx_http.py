"""The endpoints that EMQX asks over HTTP, before Django's own request handling.

They stand outside of it because EMQX is no browser: it comes by an internal address that ALLOWED_HOSTS does not name,
without TLS, has neither cookies nor a language, and asks at every login and at the first use of every topic.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from django.conf import settings
from django.db import close_old_connections

from mqtt_bridge.broker_access.emqx_answers import DENY, Answer, authenticate, authorize

# ASGI's own words.
Message = MutableMapping[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PREFIX = "/internal/mqtt/"
_QUESTIONS = {f"{PREFIX}authn": authenticate, f"{PREFIX}authz": authorize}
_MAX_BODY = 16_384
#: Threads that stay, so that their database connections do.
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="emqx")


class EmqxEndpoints:
    """ASGI: answers EMQX, always with status 200, and hands everything else on to `django`.

    Without MQTT_BROKER=emqx and a secret the paths are unknown, as they are to what came through a proxy.
    """

    def __init__(self, django: Callable[..., Awaitable[None]]) -> None:
        self._django = django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_for_us(scope):
            await self._django(scope, receive, send)
            return
        question = _QUESTIONS[scope["path"]]
        body = await _body(receive)
        if body is None or not _knows_secret(scope):
            await _send(send, DENY)
            return
        await _send(send, await asyncio.get_running_loop().run_in_executor(_threads, _answer, question, body))


def _answer(question: Callable[[bytes], Answer], body: bytes) -> Answer:
    close_old_connections()  # as Django does before each request: one that the database has closed is opened again
    return question(body)


def _is_for_us(scope: Scope) -> bool:
    if scope["path"] not in _QUESTIONS or scope["method"] != "POST":
        return False
    came_through_proxy = any(name.startswith(b"x-forwarded-") or name == b"forwarded" for name, _ in scope["headers"])
    return settings.MQTT_BROKER == "emqx" and bool(settings.EMQX_HTTP_SECRET) and not came_through_proxy


def _knows_secret(scope: Scope) -> bool:
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return hmac.compare_digest(given, b"Bearer " + settings.EMQX_HTTP_SECRET.encode())


async def _body(receive: Receive) -> bytes | None:
    """None for one that is too long, or whose sender has gone."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event.get("body", b"")
        if len(body) > _MAX_BODY:
            return None
        if not event.get("more_body", False):
            return bytes(body)


async def _send(send: Send, answer: Answer) -> None:
    content = msgspec.json.encode(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
