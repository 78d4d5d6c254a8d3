"""What a proxy says about the client is believed only from a proxy.

Without BEHIND_PROXY, or from an address outside of TRUSTED_PROXIES, the headers are taken out before anybody reads
them: a client cannot choose its own address or claim to come by https.
"""

from collections.abc import Callable, Coroutine, Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings

#: Also the ones that nobody here reads.
FORWARDED = {
    b"forwarded", b"x-real-ip", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port",
    b"x-forwarded-prefix", b"x-forwarded-ssl",
}  # fmt: skip

Network = IPv4Network | IPv6Network
Application = Callable[[dict[str, Any], Any, Any], Coroutine[Any, Any, None]]


def believe_proxies_only(application: Application) -> Application:
    """The ASGI application, behind a look at who is asking."""

    async def behind(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if "headers" in scope and not is_proxy(scope.get("client")):
            kept = [(name, value) for name, value in scope["headers"] if name.lower() not in FORWARDED]
            scope = {**scope, "headers": kept}
        await application(scope, receive, send)

    return behind


def is_proxy(client: Iterable[Any] | None) -> bool:
    """Whether the peer of a connection, (address, port), is a proxy of ours. A UNIX socket has no address and is."""
    if not settings.BEHIND_PROXY:
        return False
    if client is None:
        return True
    try:
        address = ip_address(str(next(iter(client))))
    except (ValueError, StopIteration):
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in settings.TRUSTED_PROXIES)
