"""Beginnings of names by which the worker tells clients and accounts apart, so that no gateway may have such a name."""

#: Client ids of the platform itself: the worker, replies, changes of accounts.
OWN_CLIENTS = "cloudapi-"
#: Accounts of pilots' controllers; of those whose serial number is not known yet.
PILOT_PREFIX, UNPINNED_PREFIX = "pilot-", "unpinned-"
PREFIXES = (OWN_CLIENTS, PILOT_PREFIX, UNPINNED_PREFIX)
