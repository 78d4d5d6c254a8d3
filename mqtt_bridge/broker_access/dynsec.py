"""Mosquitto's dynamic security, driven at run time while others make, change and end accounts."""

import time
from collections.abc import Collection, Sequence

from mqtt_bridge.broker_access import dynsec_accounts
from mqtt_bridge.broker_access.access import Access, accesses_of
from mqtt_bridge.broker_access.changes import Changes, Comparison
from mqtt_bridge.broker_access.dynsec_session import PATIENCE, DynsecSession

#: An account is put before the transaction that makes it commits; so long (s) it may be unknown to us.
UNCOMMITTED_FOR = 2.0


def put(accesses: Collection[Access]) -> None:
    """Create or change these accounts. Raises BrokerAccessError, see `broker_access.put`."""
    with DynsecSession() as session:
        dynsec_accounts.put(session, accesses)


def put_roles(accesses: Sequence[Access], *, patience: float = PATIENCE) -> list[str]:
    """Give accounts that exist their present rights; their sessions go on. Returns the user names that the broker does
    not know. It waits `patience` seconds for each step."""
    with DynsecSession(patience) as session:
        return dynsec_accounts.put_roles(session, accesses)


def current(accesses: Sequence[Access], *, patience: float = PATIENCE) -> list[Access]:
    """Those of these accounts that have their present rights. It waits `patience` seconds for each step."""
    with DynsecSession(patience) as session:
        return dynsec_accounts.current(session, accesses)


def remove(usernames: Collection[str]) -> None:
    """Delete accounts and their own roles; the broker ends their sessions."""
    with DynsecSession() as session:
        dynsec_accounts.remove(session, usernames)


def reconcile(wanted: Sequence[Access]) -> Comparison:
    """Make the gateways' accounts those of our tables, which said `wanted` a moment ago. What ended or changed in the
    meantime ends up as the tables say at the end. Where only the rights differ, the caller is told and has to bring
    them: many at once, and Mosquitto would carry no messages for long.
    """
    with DynsecSession() as session:
        created, changed, unknown, strayed = dynsec_accounts.mend(session, wanted)
        pushed = {access.username: access for access in wanted if access.username in {*created, *changed}}
        now = {access.username: access for access in accesses_of(pushed)}
        dynsec_accounts.put(session, [access for username, access in now.items() if access != pushed[username]])
        removed = _still_unknown(unknown)
        dynsec_accounts.remove(session, [*(pushed.keys() - now.keys()), *removed])
    return Comparison(Changes(created, changed, removed), strayed)


def _still_unknown(usernames: Collection[str]) -> list[str]:
    if not usernames:
        return []
    time.sleep(UNCOMMITTED_FOR)
    known = {access.username for access in accesses_of(usernames)}
    return [username for username in usernames if username not in known]
