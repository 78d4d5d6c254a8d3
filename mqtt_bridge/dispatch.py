"""Handling a request or topology update, and making its reply.

Five steps: find the route, decode the payload, find the tenant by the topic's SN, look into the ledger, run the
handler. Whatever happens, there is an answer: a device that waits in vain does not fly.
"""

import logging
from typing import Any

import msgspec
from django.db import transaction
from django.utils.crypto import salted_hmac

from mqtt_bridge import counters, registry
from mqtt_bridge.context import Context, Refused, tenant_of
from mqtt_bridge.message import Message
from mqtt_bridge.models import HandledRequest
from mqtt_bridge.registry import Route
from mqtt_bridge.results import INVALID_PARAMETER, UNSUPPORTED

log = logging.getLogger(__name__)


def answer(message: Message) -> dict[str, Any]:
    """The `data` of the reply. Everything that the request changes is committed when this returns.

    Raises what the database raises; then nothing was changed and the message can be handled again.
    """
    if message.result is not None:
        return {"result": message.result}
    route = registry.find(message.kind, message.method)
    if route is None:
        counters.unsupported(message.kind, message.method)
        return {"result": UNSUPPORTED}
    try:
        payload = _decode(route, message)
        if route.reads_only:
            return route.handler(_context(message, lock=False), payload)
        return _handle(route, message, payload)
    except Refused as refusal:
        counters.count(f"refused.{message.method}")
        log.info("%s of %s refused: %s", message.method, message.gateway_sn, refusal)
        return {"result": refusal.result}


def _decode(route: Route, message: Message) -> Any:
    try:
        return msgspec.json.decode(message.data, type=route.payload)
    except (msgspec.DecodeError, RecursionError) as error:
        # msgspec's sentences name the field and the expected type, never the value.
        raise Refused(INVALID_PARAMETER, str(error)) from error


@transaction.atomic
def _handle(route: Route, message: Message, payload: Any) -> dict[str, Any]:
    context = _context(message, lock=True)
    if not (route.remember and _is_identifiable(message)):
        return route.handler(context, payload)
    entry, is_new = HandledRequest.objects.get_or_create(
        gateway_sn=message.gateway_sn,
        method=message.method,
        tid=message.tid,
        bid=message.bid,
        digest=salted_hmac("mqtt_bridge.ledger", message.data, algorithm="sha256").hexdigest(),
    )
    if not is_new and entry.reply is not None:
        counters.count("repeated")
        return dict(entry.reply)
    entry.reply = route.handler(context, payload)
    entry.save(update_fields=["reply"])
    return entry.reply


def _context(message: Message, *, lock: bool) -> Context:
    return Context(
        gateway_sn=message.gateway_sn,
        tenant_pk=tenant_of(message.gateway_sn, lock=lock),
        timestamp=message.timestamp,
        received_at=message.received_at,
    )


def _is_identifiable(message: Message) -> bool:
    """All-zero and missing ids are sent by real devices (T5) and identify nothing."""
    return bool(message.tid.strip("0-") or message.bid.strip("0-"))
