"""What a simulated gateway is told on its command line."""

from dataclasses import dataclass, field

from .endpoint import Endpoint
from .flight import Home
from .misbehave import Misbehaviour


@dataclass(slots=True)
class Options:
    sn: str
    model_key: str
    aircraft_sn: str
    aircraft_model_key: str
    endpoint: Endpoint
    home: Home
    seed: int = 0
    speedup: float = 1.0
    #: How much of its first cycle (flight and charging, 0 to 1) lies behind the aircraft when it starts.
    head_start: float = 0.0
    #: Seconds until the aircraft leaves the topology, and how long it stays away (None: for good).
    leave_after: float | None = None
    return_after: float | None = None
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
