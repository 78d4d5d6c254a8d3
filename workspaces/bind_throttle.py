"""Locking out who guesses bind codes.

Five wrong codes in 15 minutes from a gateway lock it out for 15 minutes. Fifty in an hour lock the binding of the
whole organization for an hour, and its admins are told. Counted in Valkey, for all processes together; the
organization's lock is in the database too, where its admins see it and a Valkey that was emptied does not end it.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.translation import gettext as _

from cloudapi.valkey import client, text
from workspaces import audit
from workspaces.models import Membership, Organization
from workspaces.roles import Capability, roles_with

log = logging.getLogger(__name__)

#: Within a window so many wrong codes; a lock is as long as its window and begins with the last of them.
GATEWAY_LIMIT, GATEWAY_WINDOW = 5, timedelta(minutes=15)
ORGANIZATION_LIMIT, ORGANIZATION_WINDOW = 50, timedelta(hours=1)

_MILLISECOND = timedelta(milliseconds=1)
_ID_LENGTH = 32

#: KEYS: sorted sets of tries by time; ARGV: now, the new try, then limit and window of each set. One step, so that
#: many tries at once are not more than the limits allow. What a set holds is within one window of its newest try.
_RESERVE = """
local now = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
    local newest = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
    local full = redis.call('ZCARD', key) >= tonumber(ARGV[1 + 2 * i])
    if full and tonumber(newest) + tonumber(ARGV[2 + 2 * i]) > now then
        return 0
    end
end
for i, key in ipairs(KEYS) do
    local window = tonumber(ARGV[2 + 2 * i])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    redis.call('ZADD', key, now, ARGV[2])
    redis.call('PEXPIRE', key, window)
end
return 1
"""


class Locked(Exception):
    """This gateway, or its whole organization, may not try a code now."""


class WrongCode(Exception):
    """Raised inside `one_try`: the code was a guess."""


@dataclass(frozen=True, slots=True)
class _Try:
    id: str
    gateway_sn: str
    organization: Organization
    at: datetime

    @property
    def member(self) -> str:
        return f"{self.id}{self.gateway_sn}"

    @property
    def keys(self) -> tuple[str, str]:
        return _key("gateway", self.gateway_sn), _key("organization", self.organization.pk)


@contextmanager
def one_try(*, gateway_sn: str, organization: Organization, now: datetime) -> Iterator[None]:
    """Look at a code inside of this, and raise WrongCode if it is one.

    The try counts as wrong before the code is looked at, so that of many at once no more than the limits allow are
    looked at, and is given back unless it was wrong. A process that dies meanwhile leaves it counted.

    Raises Locked, WrongCode, and redis.RedisError when Valkey does not answer: then the request fails and no code is
    looked at. Requests come to the workers through Valkey, so that hardly happens.
    """
    attempt = _reserve(_Try(secrets.token_hex(_ID_LENGTH // 2), gateway_sn, organization, now))
    try:
        yield
    except WrongCode:
        _record(attempt)
        raise
    except BaseException:
        _give_back(attempt)
        raise
    _give_back(attempt)


def forget(organization: Organization) -> None:
    """Count the organization's wrong codes anew, and those of the gateways that sent them.

    Raises redis.RedisError.
    """
    tried = client().zrange(_key("organization", organization.pk), 0, -1)
    gateways = {_key("gateway", text(member)[_ID_LENGTH:]) for member in tried}
    client().delete(_key("organization", organization.pk), _key("wrong", organization.pk), *gateways)


def _reserve(attempt: _Try) -> _Try:
    locked_until = attempt.organization.binding_locked_until
    if locked_until is not None and locked_until > attempt.at:
        raise Locked
    limits = (GATEWAY_LIMIT, GATEWAY_WINDOW // _MILLISECOND, ORGANIZATION_LIMIT, ORGANIZATION_WINDOW // _MILLISECOND)
    # The client types say that arguments are strings.
    arguments = [str(argument) for argument in (_ms(attempt.at), attempt.member, *limits)]
    if not client().eval(_RESERVE, 2, *attempt.keys, *arguments):
        raise Locked
    return attempt


def _give_back(attempt: _Try) -> None:
    try:
        for key in attempt.keys:
            client().zrem(key, attempt.member)
    except redis.RedisError as error:
        log.warning("A try of %s with a bind code stays counted as wrong: %s", attempt.gateway_sn, error)


def _record(attempt: _Try) -> None:
    """Note a wrong code, in the caller's transaction; lock the organization if it was too many."""
    organization = attempt.organization
    audit.record("bind_code.wrong", organization=organization, gateway_sn=attempt.gateway_sn)
    wrong_codes = _count_wrong(attempt)
    if wrong_codes < ORGANIZATION_LIMIT:
        return
    # The condition makes one of several concurrent wrong codes the one that locks and tells.
    locked = Organization.objects.filter(pk=organization.pk).exclude(binding_locked_until__gt=attempt.at).update(
        binding_locked_until=attempt.at + ORGANIZATION_WINDOW
    )  # fmt: skip
    if locked:
        audit.record("organization.binding_locked", organization=organization, wrong_codes=wrong_codes)
        transaction.on_commit(lambda: _tell_admins(organization, wrong_codes), robust=True)


def _count_wrong(attempt: _Try) -> int:
    """Wrong codes of the organization in the last hour, with this one and without tries that are under way."""
    key = _key("wrong", attempt.organization.pk)
    pipeline = client().pipeline()
    pipeline.zadd(key, {attempt.member: _ms(attempt.at)})
    pipeline.zremrangebyscore(key, "-inf", _ms(attempt.at - ORGANIZATION_WINDOW))
    pipeline.pexpire(key, ORGANIZATION_WINDOW)
    pipeline.zcard(key)
    return int(pipeline.execute()[-1])


def _key(kind: str, name: str | int) -> str:
    return f"cloudapi:bind-codes:{kind}:{name}"


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _tell_admins(organization: Organization, wrong_codes: int) -> None:
    addresses = (
        Membership.objects.unscoped()
        .filter(workspace__organization=organization, role__in=roles_with(Capability.ADMINISTER), user__is_active=True)
        .exclude(user__email="")
        .values_list("user__email", flat=True)
        .distinct()
    )
    send_mail(
        _("Binding is locked: %(organization)s") % {"organization": organization.name},
        _(
            "%(count)d wrong device binding codes arrived within an hour. No dock of the organization can bind for "
            "an hour. The audit trail says which gateways sent them; an administrator can end the lock earlier."
        )
        % {"count": wrong_codes},
        settings.DEFAULT_FROM_EMAIL,
        list(addresses),
    )
