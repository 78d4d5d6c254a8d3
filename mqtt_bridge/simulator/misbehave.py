"""What faulty devices and bad networks do to messages, on request: all that is published goes through `frames`."""

import json
import uuid
from dataclasses import dataclass, field
from random import Random

KINDS = ("duplicates", "reordering", "garbage", "unknown")
#: One message in so many is hit.
ONE_IN = 5
Frame = tuple[str, bytes]

GARBAGE = [
    b"",
    b"null",
    b"[]",
    b'"osd"',
    b"\xff\xfe\x00 not UTF-8 \xc3\x28",
    b'{"tid": "1", "bid": "1", "timestamp": 1, "data": {"mode_code": ',
    b'{"tid": 1, "bid": [], "timestamp": "soon", "method": {}, "data": null}',
    b'{"data": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    b'{"tid": "2", "bid": "2", "timestamp": 1, "data": {"latitude": "north", "battery": 7, "mode_code": 1e400}}',
]


@dataclass(slots=True)
class Misbehaviour:
    """Turns one message into the frames that really go out. Deterministic with a seeded `random`."""

    kinds: frozenset[str] = frozenset()
    skew_ms: int = 0
    random: Random = field(default_factory=Random)
    _held: list[Frame] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str, seed: int | None = None) -> "Misbehaviour":
        """From "duplicates,reordering,garbage,unknown,skew=MS". Raises ValueError with a sentence."""
        kinds, skew_ms = set[str](), 0
        for word in filter(None, (part.strip() for part in text.split(","))):
            name, equals, value = word.partition("=")
            if name in KINDS and not equals:
                kinds.add(name)
            elif name == "skew" and value.lstrip("+-").isdecimal():
                skew_ms = int(value)
            else:
                raise ValueError(f"{word!r} is no misbehaviour; choose from {', '.join(KINDS)} and skew=MILLISECONDS.")
        return cls(frozenset(kinds), skew_ms, Random(seed))

    def frames(self, topic: str, payload: bytes) -> list[Frame]:
        kind = topic.rsplit("/", 1)[-1]
        if kind == "osd" and self._hits("unknown"):
            payload = _with_unknown_fields(payload)
        frames = [(topic, payload)]
        if self._hits("duplicates"):
            frames.append((topic, payload))
        # A held message needs a later one behind it; only telemetry is sure to go on.
        if kind == "osd" and not self._held and self._hits("reordering"):
            self._held, frames = frames, []
        elif self._held:
            frames, self._held = frames + self._held, []
        if self._hits("garbage"):
            frames.append((topic, self.random.choice(GARBAGE)))
        if kind == "osd" and self._hits("unknown"):
            frames.append(_unknown_method(topic, payload, self.random.choice(["requests", "events"])))
        return frames

    def _hits(self, kind: str) -> bool:
        return kind in self.kinds and self.random.randrange(ONE_IN) == 0


def _with_unknown_fields(payload: bytes) -> bytes:
    body = json.loads(payload)
    body["from_the_future"] = True
    body["data"]["field_of_2099"] = {"nested": [1, None, {"deep": "value"}]}
    body["data"]["mode_code"] = 9999
    return json.dumps(body).encode()


def _unknown_method(osd_topic: str, payload: bytes, kind: str) -> Frame:
    """Gateways ask and tell under their own SN, also when the OSD was their aircraft's."""
    osd = json.loads(payload)
    body = {
        "tid": str(uuid.uuid4()),
        "bid": str(uuid.uuid4()),
        "timestamp": osd["timestamp"],
        "gateway": osd["gateway"],
        "method": "method_of_2099",
        "need_reply": 1,
        "data": {"value": 1},
    }
    prefix = osd_topic.split("/")[0:2]
    return "/".join([*prefix, osd["gateway"], kind]), json.dumps(body).encode()
