"""Refusals in the audit trail, where lines stay for ever: a gateway's first of a kind is a line, those of the minutes
after it are only counted, by all processes together."""

import redis

from cloudapi.valkey import client
from mqtt_bridge import counters
from mqtt_bridge.context import Context
from workspaces import audit

QUIET_SECONDS = 600


def record(context: Context, action: str, kind: str, *, target: str, reason: str) -> None:
    """Note in the caller's transaction that the gateway was refused. `kind`: one of few words, whatever it says."""
    counters.count(action)
    if _is_first(f"cloudapi:refused:{action}:{kind}:{context.gateway_sn}"):
        audit.record(
            action, organization=context.tenant, gateway_sn=context.gateway_sn, target=target, reason=reason
        )  # fmt: skip


def _is_first(key: str) -> bool:
    try:
        return bool(client().set(key, 1, nx=True, ex=QUIET_SECONDS))
    except redis.RedisError:
        return True
