"""The live values that Valkey has of a device, whoever owns it."""

import redis


def live_values(redis_url: str, sn: str) -> dict[str, bytes]:
    """Key → raw JSON."""
    found: dict[bytes, bytes] = {}
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"cloudapi:live:*:{sn}", count=1000):
            if not key.startswith(b"cloudapi:live:moments:"):
                found |= client.hgetall(key)
    return {key.decode(): raw for key, raw in found.items()}
