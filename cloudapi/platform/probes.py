"""Does a server answer? Each probe is one short question and never raises; whoever waits asks again."""

import http.client
import socket
from urllib.parse import urlsplit

import redis
from celery import Celery

#: mqtt_worker sets this key in Valkey every second or two, with an expiry, while it is connected and working.
WORKER_ALIVE_KEY = "cloudapi:worker:alive"


def web(address: str, port: int, host: str = "") -> bool:
    """The page `/` answers or redirects (to the login, or to https).

    Args:
        host: the Host header, one of ALLOWED_HOSTS; as a browser on this machine sends it when empty.
    """
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": host} if host else {})
        return connection.getresponse().status in {200, 301, 302}
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def valkey(redis_url: str) -> bool:
    try:
        with redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def broker(address: str, port: int, username: str, password: str) -> bool:
    """The MQTT broker accepts the account: CONNECT of MQTT 3.1.1 with a clean session, CONNACK with code 0."""

    def field(text: str) -> bytes:
        return len(text.encode()).to_bytes(2, "big") + text.encode()

    # Protocol level 4; flags: user name, password, clean session; keep-alive 10 s; no client id, the broker picks one.
    body = field("MQTT") + bytes([4, 0xC2, 0, 10]) + field("") + field(username) + field(password)
    length = bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) if len(body) > 127 else bytes([len(body)])
    try:
        with socket.create_connection((address, port), timeout=3) as connection:
            connection.sendall(b"\x10" + length + body)
            accepted = connection.recv(4) == b"\x20\x02\x00\x00"
            connection.sendall(b"\xe0\x00")  # DISCONNECT
            return accepted
    except OSError:
        return False


def mqtt_worker(redis_url: str) -> bool:
    try:
        with redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.exists(WORKER_ALIVE_KEY))
    except (redis.RedisError, OSError):
        return False


def celery_worker(redis_url: str, destination: str | None = None) -> bool:
    """A Celery worker answers `ping`; `destination` (celery@host) asks for that one."""
    try:
        with Celery("probe", broker=redis_url, set_as_current=False) as app:
            app.conf.broker_transport_options = {"socket_timeout": 2, "socket_connect_timeout": 2}
            asked = [destination] if destination else None
            return bool(app.control.ping(destination=asked, timeout=1.0, limit=1))
    except Exception:  # kombu wraps the transport's errors in several unrelated classes
        return False


def host_header(public_url: str) -> str:
    """The Host header that a browser sends for `public_url`; empty when there is none."""
    return urlsplit(public_url).netloc
