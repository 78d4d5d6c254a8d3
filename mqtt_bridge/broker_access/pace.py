"""How much of the broker's time changes of rights may take, and what they cost it at the moment.

Mosquitto writes its whole file for each change, 0.1 s with 2,000 accounts, and carries no messages meanwhile. So it
stands still for about STILL_SECONDS at a time, and works for REST times as long in between.
"""

from cloudapi.valkey import client, text

STILL_SECONDS, REST = 0.1, 1
#: So many changes are made in one go, however cheap they are.
AT_ONCE = 20
#: A change that takes longer (s) is dear: nobody's answer waits for it, and rights that only end wait.
DEAR = 0.05

_COST_KEY = "cloudapi:rights:cost"
_COST_KNOWN_SECONDS = 300
#: Who has found that the broker does not answer saves the others from finding it, too, for so long (s).
_SILENCE_KNOWN_SECONDS = 15


def note_cost(seconds: float) -> None:
    """A change took so long."""
    client().set(_COST_KEY, seconds, ex=_COST_KNOWN_SECONDS)


def note_silence(seconds: float) -> None:
    """The broker was waited for so long in vain."""
    client().set(_COST_KEY, max(seconds, 2 * DEAR), ex=_SILENCE_KNOWN_SECONDS)


def is_dear() -> bool:
    """By the last change, of whichever process."""
    cost = client().get(_COST_KEY)
    return cost is not None and float(text(cost)) > DEAR
