"""When each device was last heard: one sorted set in Valkey, SN → our clock in ms.

It holds the devices whose silence is being timed; once a device is offline its row keeps the moment.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from cloudapi.valkey import after_commit as after_commit_in_valkey
from cloudapi.valkey import client, text

KEY = "cloudapi:heard"
#: Since when (ms) silences are timed without a break. Gone when Valkey was emptied.
TIMED_SINCE_KEY = "cloudapi:heard:since"
#: In one step: who speaks in between would be online and never found silent.
_FORGET = """
for i = 1, #ARGV, 2 do
    local seen = redis.call('ZSCORE', KEYS[1], ARGV[i])
    if seen and tonumber(seen) == tonumber(ARGV[i + 1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def note(last_heard: Mapping[str, int]) -> None:
    """Note signs of life. Never takes a moment back."""
    if last_heard:
        client().zadd(KEY, dict(last_heard), gt=True)


def begin(sns: Iterable[str], at: int) -> None:
    """Time those that are not being timed, from `at` (ms) on: without this, an emptied Valkey would forget them."""
    if moments := dict.fromkeys(sns, at):
        client().zadd(KEY, moments, nx=True)


def begin_anew(sns: Iterable[str], at: int) -> None:
    """After an outage, or when our clock was set: everyone's silence is timed from `at` (ms) on."""
    if moments := dict.fromkeys(sns, at):
        client().zadd(KEY, moments)
    client().set(TIMED_SINCE_KEY, at)


def is_emptied() -> bool:
    """True if Valkey has forgotten whose silence was being timed."""
    return not client().exists(TIMED_SINCE_KEY)


def after_commit(last_heard: Mapping[str, int]) -> None:
    """Note signs of life (SN → ms) once the transaction is committed."""
    after_commit_in_valkey(lambda: note(last_heard))


def last_seen(sns: Sequence[str]) -> dict[str, int]:
    """SN → ms, for those that are being timed. Raises redis.RedisError when Valkey does not answer."""
    scores = client().zmscore(KEY, list(sns)) if sns else []
    return {sn: int(score) for sn, score in zip(sns, scores, strict=True) if score is not None}


def silent_since(deadline: int, *, limit: int) -> list[str]:
    """SNs that were last heard at `deadline` (ms) or before, longest first."""
    found = client().zrange(KEY, "-inf", deadline, byscore=True, offset=0, num=limit)
    return [text(sn) for sn in found]


def forget(silent_since: Mapping[str, int]) -> None:
    """Stop timing those (SN → ms) that were not heard since then."""
    if silent_since:
        arguments: list[str | int] = [part for pair in silent_since.items() for part in pair]
        client().eval(_FORGET, 1, KEY, *arguments)
