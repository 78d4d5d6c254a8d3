"""What comparing all accounts with those of a broker has found."""

from dataclasses import dataclass, field
from typing import NamedTuple

from mqtt_bridge.broker_access.access import Access


class Changes(NamedTuple):
    """What was done: user names."""

    created: list[str]
    changed: list[str]
    removed: list[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """strayed: user name → what the broker lets the account do, other than our tables, and still does; None if no
    topology of ours would let it do that."""

    changes: Changes
    strayed: dict[str, Access | None] = field(default_factory=dict)
