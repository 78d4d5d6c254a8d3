"""What EMQX's questions are answered from: an account's facts, from Valkey for a minute, else from the tables.

A record counts only with the account's present generation, so that a process that read the tables just before a change
cannot put the old facts back after it. Without Valkey each question is a query; without the tables too, no answer.
"""

import hmac
import logging
from collections.abc import Collection

import msgspec
import redis
from django.db import transaction
from django.utils.crypto import salted_hmac

from cloudapi.valkey import client
from mqtt_bridge.broker_access.access import accesses_of
from mqtt_bridge.broker_access.roles import Role

log = logging.getLogger(__name__)

KEPT_SECONDS = 60
#: "There is no such account" is forgotten soon: user names that nobody has are anybody's to invent.
KEPT_UNKNOWN_SECONDS = 10
#: Longer than any record of an earlier generation lives.
_GENERATION_SECONDS = 3600
#: Longest user name of our tables; EMQX allows longer ones.
_MAX_NAME = 64


class Facts(msgspec.Struct, frozen=True):
    """All that is asked of an account."""

    #: Keyed hash of the password: Valkey never sees the password itself.
    digest: str
    #: "" while the account is not pinned to a gateway.
    gateway_sn: str
    #: The only client id that it may use, "" for any that is nobody else's.
    client_id: str
    roles: list[Role]


class _Record(msgspec.Struct):
    generation: int
    facts: Facts | None


_decoder = msgspec.json.Decoder(_Record)

#: KEYS: generation, record; ARGV: the record's generation, the record, how long it is kept (s). A record of an earlier
#: generation must not take the place of the present one, which may say that the account has ended.
_KEEP = """
if (redis.call('GET', KEYS[1]) or '0') == ARGV[1] then redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3]) end
"""


def look_up(username: str) -> Facts | None:
    """None for an unknown or ended account. Raises django.db.DatabaseError when neither Valkey nor the tables know."""
    if not username or len(username) > _MAX_NAME or "\0" in username:
        return None
    try:
        counted, kept = client().mget(_generation_key(username), _record_key(username))
    except redis.RedisError as error:
        log.warning("Valkey does not answer, so accounts are read from the tables: %s", error)
        return _read(username)
    generation = int(counted or 0)
    record = _decoder.decode(kept) if kept else None
    if record is not None and record.generation == generation:
        return record.facts
    facts = _read(username)
    _keep(username, _Record(generation, facts), KEPT_UNKNOWN_SECONDS if facts is None else KEPT_SECONDS)
    return facts


def forget(usernames: Collection[str]) -> None:
    """These accounts or their rights have changed, or do when the present transaction is committed."""
    _next_generation(usernames)
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(lambda: _next_generation(usernames), robust=True)


def block(usernames: Collection[str]) -> None:
    """These accounts end: refused from now on, even while the tables still have them."""
    for username, generation in _next_generation(usernames).items():
        _keep(username, _Record(generation, None), KEPT_SECONDS)


def digest(password: str) -> str:
    return salted_hmac("mqtt_bridge.emqx", password, algorithm="sha256").hexdigest()


def is_password(given: str, facts: Facts) -> bool:
    return hmac.compare_digest(digest(given), facts.digest)


def _read(username: str) -> Facts | None:
    for access in accesses_of([username]):
        return Facts(
            digest=digest(access.password),
            gateway_sn=access.gateway_sn,
            client_id=access.client_id,
            roles=[access.role],
        )
    return None


def _keep(username: str, record: _Record, seconds: int) -> None:
    try:
        keys = _generation_key(username), _record_key(username)
        # The client types say that arguments are strings.
        client().eval(_KEEP, 2, *keys, str(record.generation), msgspec.json.encode(record).decode(), str(seconds))
    except redis.RedisError as error:
        log.warning("Valkey does not take an account's facts: %s", error)


def _next_generation(usernames: Collection[str]) -> dict[str, int]:
    """If Valkey does not answer, records of the accounts live on there for at most KEPT_SECONDS."""
    try:
        with client().pipeline() as pipeline:
            for username in usernames:
                pipeline.incr(_generation_key(username))
                pipeline.expire(_generation_key(username), _GENERATION_SECONDS)
            return dict(zip(usernames, pipeline.execute()[::2], strict=True))
    except redis.RedisError as error:
        log.warning("Valkey does not answer, so a change of accounts takes up to %s s: %s", KEPT_SECONDS, error)
        return {}


def _generation_key(username: str) -> str:
    return f"cloudapi:emqx:generation:{username}"


def _record_key(username: str) -> str:
    return f"cloudapi:emqx:account:{username}"
