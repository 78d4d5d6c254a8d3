"""How the worker hands a message to Celery: noted first, so that none is lost with a killed process."""

import redis

from cloudapi.valkey import client
from mqtt_bridge import inflight, tasks
from mqtt_bridge.message import Message


def put(message: Message) -> None:
    """Queue a task; raises when Valkey did not confirm it."""
    task_id = inflight.note(message)
    if task_id is None:
        return
    try:
        tasks.handle.apply_async((message.to_json(),), task_id=task_id, retry=False)
    except Exception:
        inflight.done(task_id)  # it comes again, and must not be taken for a repeat then
        raise


def bring_back() -> None:
    """Queue again what was lost with a killed process. Raises redis.RedisError and KombuError."""
    inflight.bring_back(_put_again)


def answers() -> bool:
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False


def _put_again(task_id: str, message: str) -> None:
    tasks.handle.apply_async((message,), task_id=task_id, retry=False)
