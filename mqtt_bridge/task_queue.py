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
        _queue(task_id, message.to_json())
    except Exception:
        inflight.done(task_id)  # it comes again, and must not be taken for a repeat then
        raise


def bring_back() -> None:
    """Queue again what was lost with a killed process. Raises redis.RedisError and KombuError."""
    inflight.bring_back(_queue)


def answers() -> bool:
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False


def _queue(task_id: str, text: str) -> None:
    # Celery would make a readable excerpt of the message for its logs, an eighth of what queueing costs.
    tasks.handle.apply_async((text,), task_id=task_id, retry=False, argsrepr="(message)", kwargsrepr="{}")  # type: ignore[call-arg]
