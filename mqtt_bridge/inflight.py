"""Messages whose reply is not out yet, so that none is lost with a killed process.

Celery's own bookkeeping has a hole: it takes a task out of the queue first and notes it as unacknowledged afterwards,
and a worker that is killed in between takes the task with it. So a message is noted here before it is queued and
forgotten when it is answered. What is due again while nothing waits in the queue was lost, and is queued once more.
Handling a message twice does no harm: the ledger has the reply.
"""

import contextlib
import hashlib
import logging
import uuid
from collections.abc import Callable

import redis
from django.conf import settings

from cloudapi.valkey import client, text
from devices import heard
from mqtt_bridge.message import Message

log = logging.getLogger(__name__)

MESSAGES_KEY = "cloudapi:inflight"
DUE_KEY = "cloudapi:inflight:due"
#: Longer than Celery itself takes to bring a killed worker's tasks back.
DUE_MS = (settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] + 5) * 1000
#: With so many tasks in the queue, a repeat of a message that waits in it would only make everybody wait longer: when
#: thousands of gateways reconnect at once, each asks again every few seconds.
BACKLOG = 50
#: A message that never ends must not come back for ever; no device waits for so long.
GIVE_UP_MS = 600_000


def note(message: Message) -> str | None:
    """Note a message before it is queued; returns the id for its task, or None if it need not be queued: it repeats one
    that waits for its turn, and the answer to that will do. Raises redis.RedisError."""
    task_id = _task_id(message)
    with client().pipeline() as pipeline:
        pipeline.hset(MESSAGES_KEY, task_id, message.to_json())
        pipeline.zadd(DUE_KEY, {task_id: heard.now_ms() + DUE_MS}, nx=True)
        pipeline.llen(settings.CELERY_TASK_DEFAULT_QUEUE)
        is_new, _is_due, waiting = pipeline.execute()
    return task_id if is_new or waiting < BACKLOG else None


def _task_id(message: Message) -> str:
    """The same for a message and its repeats. Real devices send all-zero ids too, which say nothing (T5)."""
    if not (message.tid.strip("0-") or message.bid.strip("0-")):
        return uuid.uuid4().hex
    told = (message.kind, message.gateway_sn, message.method, message.tid, message.bid, message.data)
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:32]


def done(task_id: str) -> None:
    """Forget a message: it was answered. If Valkey does not answer, it is answered once more later."""
    with contextlib.suppress(redis.RedisError), client().pipeline() as pipeline:
        pipeline.hdel(MESSAGES_KEY, task_id)
        pipeline.zrem(DUE_KEY, task_id)
        pipeline.execute()


def bring_back(queue: Callable[[str, str], object], *, limit: int = 100) -> None:
    """Queue lost messages again, by `queue(task_id, message)`. Raises what it and Valkey raise."""
    now = heard.now_ms()
    overdue = client().zrange(DUE_KEY, "-inf", now, byscore=True, offset=0, num=limit)
    if not overdue or client().llen(settings.CELERY_TASK_DEFAULT_QUEUE):
        return
    for task_id in map(text, overdue):
        stored = client().hget(MESSAGES_KEY, task_id)
        if stored is None or Message.from_json(text(stored)).received_at < now - GIVE_UP_MS:
            done(task_id)
            continue
        client().zadd(DUE_KEY, {task_id: now + DUE_MS})
        queue(task_id, text(stored))
        log.warning("A message whose task was lost is queued again")
