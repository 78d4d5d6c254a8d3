"""What a device writes around its data: topics, ids and its own clock."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
#: Seen from real devices on `state`: such ids name nothing and must not be used as keys.
ZERO_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Clock:
    """The device's own clock, which may be wrong by `skew_ms`."""

    skew_ms: int = 0

    def now_ms(self) -> int:
        return int(time.time() * 1000) + self.skew_ms


@dataclass(frozen=True, slots=True)
class Ids:
    tid: str = field(default_factory=lambda: str(uuid.uuid4()))
    bid: str = field(default_factory=lambda: str(uuid.uuid4()))


def thing_topic(sn: str, kind: str) -> str:
    """`thing/product/{sn}/{kind}`: osd, state, events, requests and their replies."""
    return f"thing/product/{sn}/{kind}"


def status_topic(gateway_sn: str) -> str:
    """`sys/product/{gateway_sn}/status`: topology updates."""
    return f"sys/product/{gateway_sn}/status"


def downlinks(gateway_sn: str) -> list[str]:
    """What a gateway subscribes to under its own SN."""
    kinds = ["requests_reply", "events_reply", "state_reply", "services", "property/set"]
    return [f"{status_topic(gateway_sn)}_reply", *(thing_topic(gateway_sn, kind) for kind in kinds)]


def envelope(data: Any, *, clock: Clock, gateway_sn: str, ids: Ids | None = None, **more: Any) -> Body:
    """The common frame of every message; `more` is `method` or `need_reply`."""
    ids = ids or Ids()
    return {"tid": ids.tid, "bid": ids.bid, "timestamp": clock.now_ms(), "gateway": gateway_sn, **more, "data": data}
