"""What EMQX's HTTP authenticator and authorizer ask, and our answers. A question that cannot be answered is denied.

EMQX: "Use HTTP Service" under Authentication and under Authorization, and the templates in deploy/emqx/base.hocon.
"""

import hmac
import logging
from typing import Any

import msgspec
import redis
from django.conf import settings
from django.db import Error as DatabaseError

from mqtt_bridge import controllers
from mqtt_bridge.broker_access import emqx_accounts, emqx_sessions
from mqtt_bridge.broker_access.errors import BrokerAccessError
from mqtt_bridge.broker_access.roles import Right, allows

log = logging.getLogger(__name__)

Answer = dict[str, Any]
DENY: Answer = {"result": "deny"}
#: What EMQX writes for a placeholder that has no value.
_NO_VALUE = ("", "undefined")
_RIGHTS: dict[str, Right] = {"publish": "publish", "subscribe": "subscribe"}


class AuthnRequest(msgspec.Struct):
    clientid: str
    username: str
    password: str
    peerhost: str = ""
    #: Common name of the client's certificate, where the listener asks for one.
    cert_common_name: str = ""


class AuthzRequest(msgspec.Struct):
    clientid: str
    username: str
    action: str
    topic: str
    #: EMQX writes "true" or "false" for both actions. Left out of the template, nothing may be published.
    retain: str | bool = "unknown"


_authn_decoder = msgspec.json.Decoder(AuthnRequest)
_authz_decoder = msgspec.json.Decoder(AuthzRequest)


def authenticate(body: bytes) -> Answer:
    """Whether a client may connect. Queries the tables only when Valkey has no facts of the account."""
    try:
        asked = _authn_decoder.decode(body)
        answer = _login(asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("EMQX asked what cannot be read, see deploy/emqx: %s", error)
        return DENY
    except (redis.RedisError, DatabaseError, BrokerAccessError) as error:
        log.warning("A login could not be checked and is refused: %s", error)
        return DENY
    if answer == DENY:
        log.warning("Login refused: user name %.64r, client id %.64r, from %.64r",
                    asked.username, asked.clientid, asked.peerhost)  # fmt: skip
    return answer


def authorize(body: bytes) -> Answer:
    """Whether a client may publish to a topic, or subscribe to a filter."""
    try:
        asked = _authz_decoder.decode(body)
        return {"result": "allow"} if _may(asked) else DENY
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("EMQX asked what cannot be read, see deploy/emqx: %s", error)
    except DatabaseError as error:
        log.warning("A right could not be checked and is refused: %s", error)
    return DENY


def _login(asked: AuthnRequest) -> Answer:
    if _is_server(asked.username):
        is_right = bool(settings.MQTT_PASSWORD) and _same(asked.password, settings.MQTT_PASSWORD)
        # EMQX asks nothing more about the topics of a superuser.
        return {"result": "allow", "is_superuser": True} if is_right else DENY
    facts = emqx_accounts.look_up(asked.username)
    if facts is None or not emqx_accounts.is_password(asked.password, facts):
        return DENY
    if not facts.gateway_sn:
        # Decided before it connects: with a client id that is not its own it displaces nobody.
        controllers.pin(username=asked.username, client_id=asked.clientid)
        emqx_accounts.forget([asked.username])
        facts = emqx_accounts.look_up(asked.username)
    if facts is None or not facts.gateway_sn or asked.cert_common_name not in (*_NO_VALUE, facts.gateway_sn):
        return DENY
    if not emqx_sessions.may_use(facts, asked.clientid):
        return DENY
    emqx_sessions.let_in(asked.username)
    return {"result": "allow", "is_superuser": False}


def _may(asked: AuthzRequest) -> bool:
    if _is_server(asked.username):
        return True
    right = _RIGHTS.get(asked.action)
    if right is None or (right == "publish" and asked.retain not in ("false", False)):
        return False
    facts = emqx_accounts.look_up(asked.username)
    if facts is None or facts.client_id not in ("", asked.clientid):
        return False
    return allows(facts.roles, right, asked.topic)


def _is_server(username: str) -> bool:
    return bool(settings.MQTT_USERNAME) and username == settings.MQTT_USERNAME


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
