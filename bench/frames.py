"""OSD for the load generator: an aircraft's real top-level keys, 2.5 KB, moments of one flight.

Between two messages change what changes in the air: position, heights, speeds, attitude, wind, gimbal, battery and
counters, 16 of 35 keys.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

from mqtt_bridge.simulator import aircraft_osd
from mqtt_bridge.simulator.aircraft_osd import Aircraft
from mqtt_bridge.simulator.flight import Flight, Home

SIZE = 2_500
#: Says when the message was sent, in microseconds of our clock: a key that browsers get and SQL takes for no speed.
STAMP = "horizontal_speed"
UNSTEADY = (
    "attitude_head", "attitude_pitch", "attitude_roll", "elevation", "height", "vertical_speed",
    "wind_speed",
)  # fmt: skip
_HOLES = "1000000000001", "1000000000000002"


def moments(count: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(1)
    flight = Flight(Home(46.95, 7.45), seed=1)
    aircraft = Aircraft("BENCH", "0-91-1", lives_in_dock=False)
    for number in range(count):
        data = aircraft_osd.osd(aircraft, flight.at(60.0 + 5.0 * number))
        # In calm air a simulated aircraft flies like a ruler; a real one never repeats a reading.
        yield data | {key: round(data[key] + rng.uniform(-0.2, 0.2), 3) for key in UNSTEADY}


def templates(count: int = 16) -> list[tuple[bytes, bytes, bytes]]:
    """Payloads in three parts: up to the timestamp (13 digits), up to the value of STAMP (16 digits), and the rest."""
    made = []
    for data in moments(count):
        data.pop("cameras")  # with them it is 3.8 KB
        timestamp, stamp = _HOLES
        envelope = {
            "tid": "00000000-0000-0000-0000-000000000000",
            "bid": "00000000-0000-0000-0000-000000000000",
            "timestamp": int(timestamp),
            "data": {**data, STAMP: int(stamp), "bench_filler": ""},
        }
        missing = SIZE - len(json.dumps(envelope, separators=(",", ":")))
        envelope["data"]["bench_filler"] = "x" * max(0, missing)  # type: ignore[index]
        text = json.dumps(envelope, separators=(",", ":")).encode()
        before, rest = text.split(timestamp.encode())
        middle, after = rest.split(stamp.encode())
        made.append((before, middle, after))
    return made
