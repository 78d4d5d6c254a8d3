"""Result codes that we answer with.

The codes of the binding (2102xx) are those of DJI's own demo server: no public table has them and two lists disagree
(device facts, B7), so what counts is that 0 means success and that each of ours is used for one thing.
"""

OK = 0
INVALID_PARAMETER = 210002
UNSUPPORTED = 210003
NOT_REGISTERED = 210001
ORGANIZATION_GET_FAILED = 210230
BIND_FAILED = 210231
BOUND_TO_ANOTHER_ORGANIZATION = 210232
TOPOLOGY_REFUSED = 210234
INTERNAL_ERROR = 299999
