"""Counts of what tasks refused, repeated and did not know, for people who ask why.

The worker counts in memory and shows its counts with its sign of life; tasks run in many processes and count in Valkey.
"""

from cloudapi import valkey

TASK_COUNTS_KEY = "cloudapi:counts"
UNSUPPORTED_KEY = "cloudapi:unsupported"


def count(name: str) -> None:
    """Count one event of a task."""
    valkey.count(TASK_COUNTS_KEY, name)


def unsupported(kind: str, method: str) -> None:
    """Count a request with a method that we do not offer."""
    valkey.count(UNSUPPORTED_KEY, f"{kind} {method[:64]}")


def all_counts() -> dict[str, dict[str, int]]:
    """{"tasks": {name: count}, "unsupported": {"kind method": count}}. Raises redis.RedisError."""
    return {"tasks": valkey.counts(TASK_COUNTS_KEY), "unsupported": valkey.counts(UNSUPPORTED_KEY)}
