"""Failed log-ins are counted per user name and per address, in Valkey, for all processes together."""

import hashlib
from ipaddress import IPv6Address, ip_address

import redis
from django.conf import settings
from django.http import HttpRequest

from cloudapi.valkey import client

WINDOW_SECONDS = 15 * 60
PER_USERNAME = 10
PER_ADDRESS = 50


class Throttled(Exception):
    """Too many failures; the right password does not help either until the window is over."""


def address_of(request: HttpRequest) -> str:
    """Where a request comes from. Behind a proxy that is what the proxy itself has added to `X-Forwarded-For`, the
    last entry: whatever stands before it comes from the client."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    if settings.BEHIND_PROXY:
        address = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    # One subscriber has a whole /64.
    return str(parsed.ipv4_mapped or f"{parsed.exploded[:19]}::/64")


def check(*, username: str, address: str) -> None:
    """Raises Throttled; also when Valkey does not answer: without the count nobody can be told from a guesser."""
    try:
        counts = client().mget(_key("username", username), _key("address", address))
    except redis.RedisError as error:
        raise Throttled from error
    if any(int(count or 0) >= limit for count, limit in zip(counts, (PER_USERNAME, PER_ADDRESS), strict=True)):
        raise Throttled


def record_failure(*, username: str, address: str) -> None:
    """Raises Throttled when Valkey does not answer."""
    pipeline = client().pipeline()
    for key in (_key("username", username), _key("address", address)):
        pipeline.incr(key)
        pipeline.expire(key, WINDOW_SECONDS, nx=True)
    try:
        pipeline.execute()
    except redis.RedisError as error:
        raise Throttled from error


def _key(kind: str, text: str) -> str:
    # Hashed: what people type as a user name is sometimes their password.
    return f"cloudapi:login-failures:{kind}:{hashlib.sha256(text.lower().encode()).hexdigest()[:32]}"
