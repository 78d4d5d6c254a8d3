"""Gateways' connections to the broker, as the broker tells of them.

A connection that is gone starts 30 s of grace. Who is back within them leaves notes in the timeline and nothing else.
Notices come as tasks, in any order, so each moment is compared with the one that is known. Valkey holds two hashes,
SN → our clock in ms: when a gateway connected last, and when it lost its connection.
"""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from cloudapi.valkey import client
from devices import heard, timeline
from devices.models import Device

CONNECTED_KEY = "cloudapi:connected"
LOST_KEY = "cloudapi:connection-lost"

_CONNECTED = """
local lost = redis.call('HGET', KEYS[2], ARGV[1])
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known or tonumber(known) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
if lost and tonumber(lost) <= tonumber(ARGV[2]) then redis.call('HDEL', KEYS[2], ARGV[1]) return lost end
return false
"""
#: A loss of what has not connected since the one before is no news: anybody can have the broker tell of such losses, by
#: connections that it ends before they have shown an account.
_LOST = """
local connected = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
local lost, at = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0), tonumber(ARGV[2])
if connected > at then return 0 end
if lost < at then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
return lost == 0 and 1 or 0
"""


def connected(sn: str, at: int) -> None:
    """The gateway has a connection since `at` (ms)."""
    lost_at = client().eval(_CONNECTED, 2, CONNECTED_KEY, LOST_KEY, sn, at)
    if lost_at is not None:
        _note_return(sn, int(lost_at), at)


def lost(sn: str, at: int) -> None:
    """The gateway has no connection since `at` (ms): from now on its grace runs, whenever it was heard before."""
    if client().eval(_LOST, 2, CONNECTED_KEY, LOST_KEY, sn, at):
        heard.note({sn: at})
        _note_loss(sn, at)


def lost_since(sns: Sequence[str]) -> dict[str, int]:
    """SN → when its connection was lost (ms), for those that have none."""
    found = client().hmget(LOST_KEY, list(sns)) if sns else []
    return {sn: int(at) for sn, at in zip(sns, found, strict=True) if at is not None}


def is_connected(sn: str) -> bool:
    """Whether the broker has told that the gateway connected, and nothing else since."""
    return bool(client().hexists(CONNECTED_KEY, sn)) and not client().hexists(LOST_KEY, sn)


@transaction.atomic
def _note_loss(sn: str, at: int) -> None:
    device = Device.objects.unscoped().filter(sn=sn, online=True).first()
    if device is not None:
        timeline.note_once(device, "connection_lost", heard.moment(at))


@transaction.atomic
def _note_return(sn: str, lost_at: int, at: int) -> None:
    if at - lost_at >= settings.OFFLINE_AFTER_SECONDS * 1000:
        return  # it was offline, even if its telemetry has brought it back before this notice
    device = Device.objects.unscoped().filter(sn=sn, online=True).first()
    if device is not None:
        timeline.note([device], "reconnected", heard.moment(at), detail=timeline.seconds(at - lost_at))
