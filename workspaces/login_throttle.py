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


def reserve(*, username: str, address: str) -> None:
    """Count a log-in as failed before it is tried, so that many at once are not more than the limit allows.

    Raises Throttled; also when Valkey does not answer: without the count nobody can be told from a guesser.
    """
    counts = _change(username, address, 1)
    if any(count > limit for count, limit in zip(counts, (PER_USERNAME, PER_ADDRESS), strict=True)):
        # Who is refused has guessed nothing, and must not lock out others of the same address.
        _change(username, address, -1)
        raise Throttled


def give_back(*, username: str, address: str) -> None:
    """The log-in succeeded. Raises Throttled when Valkey does not answer."""
    _change(username, address, -1)


def _change(username: str, address: str, by: int) -> list[int]:
    pipeline = client().pipeline()
    for key in (_key("username", username), _key("address", address)):
        pipeline.incrby(key, by)
        pipeline.expire(key, WINDOW_SECONDS, nx=True)
    try:
        return [int(count) for count in pipeline.execute()[::2]]
    except redis.RedisError as error:
        raise Throttled from error


def _key(kind: str, text: str) -> str:
    # Hashed: what people type as a user name is sometimes their password.
    return f"cloudapi:login-failures:{kind}:{hashlib.sha256(text.lower().encode()).hexdigest()[:32]}"
