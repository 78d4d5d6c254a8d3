"""TCP ports of the embedded platform."""

import socket

from cloudapi.platform import PlatformError


def number(variable: str, text: str) -> int:
    """The port in `text`, the value of an environment variable.

    Raises:
        PlatformError: not a number from 1 to 65535.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise PlatformError(f"{variable} is {text!r}, but a port is a number from 1 to 65535.")
    return int(text)


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now. Connections that linger after a stopped server don't count."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_free(variable: str, address: str, port: int) -> None:
    """Raises:
    PlatformError: the port is taken, may not be used by this user, or the address is not of this machine.
    """
    if not is_free(address, port):
        other = port + 1 if port < 65535 else 8000
        raise PlatformError(
            f"{variable} {port} cannot be used on {address}: another program listens there, or this user may not. "
            f"Stop that program, or choose another port, as in `{variable}={other} make run`."
        )


def free() -> int:
    """A port of the loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
