"""The file of Mosquitto's dynamic security, rendered from our tables.

Format: https://mosquitto.org/documentation/dynamic-security/ and the files that 2.0.11 itself writes.
"""

import base64
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from mqtt_bridge.broker_access.access import Access, all_accesses
from mqtt_bridge.broker_access.errors import BrokerAccessError
from mqtt_bridge.broker_access.roles import SERVER, Right, Role

#: Mosquitto's own number. Passwords here are 130 random bits, so that slower hashing would only slow logins.
_ITERATIONS = 101
_ACL_TYPES: tuple[tuple[str, Right], ...] = (
    ("publishClientSend", "publish"),
    ("publishClientReceive", "receive"),
    ("subscribePattern", "subscribe"),
)


def render(accesses: Iterable[Access]) -> dict[str, Any]:
    """The whole file: the server's account, those of the gateways, and their roles.

    Raises BrokerAccessError if the server has no account in the settings.
    """
    if not settings.MQTT_USERNAME or not settings.MQTT_PASSWORD:
        raise BrokerAccessError("MQTT_USERNAME and MQTT_PASSWORD are not set: the server needs its own broker account.")
    gateways = list(accesses)
    server = {
        "username": settings.MQTT_USERNAME,
        **_hashed(settings.MQTT_PASSWORD),
        "roles": [{"rolename": SERVER.name}],
    }
    roles = [SERVER, *(access.role for access in gateways)]
    return {
        # Nothing is allowed that no role allows. Receiving matters too: whoever takes over somebody else's client id
        # inherits the subscriptions of that session.
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": False,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [server, *({**account(access), **_hashed(access.password)} for access in gateways)],
        "roles": [{"rolename": role.name, "acls": acls(role)} for role in roles],
    }


def write(path: Path) -> int:
    """Render every account into `path` (mode 0600), at once or not at all; returns how many gateways it holds."""
    accesses = all_accesses()
    content = json.dumps(render(accesses), indent=1)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
        try:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
            Path(temporary.name).replace(path)  # created with mode 0600
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise
    return len(accesses)


def account(access: Access) -> dict[str, Any]:
    """A gateway's account without its password, as the file and `createClient` have it."""
    return {
        "username": access.username,
        **({"clientid": access.client_id} if access.client_id else {}),
        "textDescription": fingerprint(access),
        "roles": [{"rolename": access.role.name}],
    }


def fingerprint(access: Access) -> str:
    """Changes with the password and tells nothing about it: the broker does not tell which password it has."""
    return salted_hmac("mqtt_bridge.fingerprint", access.password, algorithm="sha256").hexdigest()[:16]


def acls(role: Role) -> list[dict[str, Any]]:
    return [
        {"acltype": acl_type, "topic": topic_filter, "priority": 0, "allow": True}
        for acl_type, right in _ACL_TYPES
        for topic_filter in (*role.filters(right), *(role.early if right == "subscribe" else ()))
    ]


def _hashed(password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return {
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _ITERATIONS,
    }
