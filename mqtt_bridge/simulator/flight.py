"""A plausible flight as a pure function of time: take-off, survey, return, landing, charging, and again."""

import math
import random
from dataclasses import dataclass
from enum import StrEnum

from .flight_path import Ramp, SurveyPath, turned

METRES_PER_DEGREE = 111_320.0
BATTERY_FULL, BATTERY_LANDED = 100.0, 30.0


class Phase(StrEnum):
    IDLE = "idle"
    PREPARE = "prepare"
    TAKEOFF = "takeoff"
    SURVEY = "survey"
    TURN = "turn"
    RETURN = "return"
    LANDING = "landing"
    RECOVER = "recover"
    CHARGE = "charge"


AIRBORNE = frozenset({Phase.TAKEOFF, Phase.SURVEY, Phase.TURN, Phase.RETURN, Phase.LANDING})


@dataclass(frozen=True, slots=True)
class Home:
    latitude: float
    longitude: float
    #: Ellipsoid height of the ground in metres.
    height: float = 34.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds, metres and metres per second."""

    idle: float = 15.0
    prepare: float = 15.0
    recover: float = 30.0
    charge: float = 1200.0
    height: float = 80.0
    climb: float = 5.0
    speed: float = 12.0
    legs: int = 12
    leg_length: float = 800.0
    spacing: float = 60.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that a flight says about one instant."""

    phase: Phase
    latitude: float
    longitude: float
    height: float
    elevation: float
    horizontal_speed: float
    vertical_speed: float
    heading: float
    home_distance: float
    battery: float
    #: Of the running flight, 0 on the ground.
    flight_seconds: float
    #: Finished and running flights since the start.
    sorties: int
    total_flight_seconds: float
    total_flight_metres: float

    @property
    def airborne(self) -> bool:
        return self.phase in AIRBORNE


class Flight:
    """`at(t)` for any t ≥ 0; equal seeds fly equal paths."""

    def __init__(self, home: Home, seed: int = 0, plan: Plan | None = None) -> None:
        self.home = home
        self.plan = plan = plan or Plan()
        rng = random.Random(seed)
        self.dock_heading = rng.uniform(-180, 180)
        self._path = SurveyPath(rng.uniform(0, 360), rng.choice([1, -1]), plan.legs, plan.leg_length, plan.spacing)
        self._end = self._path.at(self._path.length)
        self._home_bearing = math.degrees(math.atan2(-self._end[0], -self._end[1]))
        self._climb = Ramp(plan.height, plan.climb, 1.5)
        self._survey = Ramp(self._path.length, plan.speed, 2.0)
        self._return = Ramp(math.hypot(*self._end[:2]), plan.speed, 2.0)
        self._landing = Ramp(plan.height, plan.climb * 0.6, 0.8)
        self._durations = {
            Phase.IDLE: plan.idle,
            Phase.PREPARE: plan.prepare,
            Phase.TAKEOFF: self._climb.duration,
            Phase.SURVEY: self._survey.duration,
            Phase.TURN: 6.0,
            Phase.RETURN: self._return.duration,
            Phase.LANDING: self._landing.duration,
            Phase.RECOVER: plan.recover,
            Phase.CHARGE: plan.charge,
        }
        self.cycle_seconds = sum(self._durations.values())
        self.flight_seconds = sum(self._durations[phase] for phase in AIRBORNE)

    def starts(self, phase: Phase) -> float:
        """When the phase begins for the first time."""
        before = list(self._durations)
        return sum(self._durations[each] for each in before[: before.index(phase)])

    def at(self, t: float) -> Moment:
        cycle, since = divmod(max(t, 0.0), self.cycle_seconds)
        phase = Phase.IDLE
        for phase, duration in self._durations.items():  # noqa: B007 - the last phase keeps what rounding leaves
            if since < duration:
                break
            since -= duration
        east, north, elevation, horizontal, vertical, heading, metres = self._place(phase, since)
        flown = self._flown(phase, since)
        degrees = METRES_PER_DEGREE * math.cos(math.radians(self.home.latitude))
        return Moment(
            phase=phase,
            latitude=self.home.latitude + north / METRES_PER_DEGREE,
            longitude=self.home.longitude + east / degrees,
            height=self.home.height + elevation,
            elevation=elevation,
            horizontal_speed=horizontal,
            vertical_speed=vertical,
            heading=(heading + 180) % 360 - 180,
            home_distance=math.hypot(east, north),
            battery=self._battery(phase, since, flown),
            flight_seconds=flown if phase in AIRBORNE else 0.0,
            sorties=int(cycle) + (flown > 0),
            total_flight_seconds=cycle * self.flight_seconds + flown,
            total_flight_metres=cycle * (self._path.length + self._return.distance) + metres,
        )

    def _place(self, phase: Phase, t: float) -> tuple[float, float, float, float, float, float, float]:
        """East, north, elevation, horizontal and vertical speed, heading, metres flown."""
        plan, (end_east, end_north, end_heading) = self.plan, self._end
        whole = self._path.length + self._return.distance
        match phase:
            case Phase.TAKEOFF:
                up, speed = self._climb.at(t)
                heading = turned(self.dock_heading, self._path.bearing, t / self._climb.duration)
                return 0.0, 0.0, up, 0.0, speed, heading, 0.0
            case Phase.SURVEY:
                metres, speed = self._survey.at(t)
                east, north, heading = self._path.at(metres)
                return east, north, plan.height, speed, 0.0, heading, metres
            case Phase.TURN:
                heading = turned(end_heading, self._home_bearing, t / self._durations[phase])
                return end_east, end_north, plan.height, 0.0, 0.0, heading, self._path.length
            case Phase.RETURN:
                metres, speed = self._return.at(t)
                left = 1 - metres / self._return.distance
                metres += self._path.length
                return end_east * left, end_north * left, plan.height, speed, 0.0, self._home_bearing, metres
            case Phase.LANDING:
                down, speed = self._landing.at(t)
                heading = turned(self._home_bearing, self.dock_heading, t / self._landing.duration)
                return 0.0, 0.0, plan.height - down, 0.0, -speed, heading, whole
            case Phase.RECOVER | Phase.CHARGE:
                return 0.0, 0.0, 0.0, 0.0, 0.0, self.dock_heading, whole
            case _:
                return 0.0, 0.0, 0.0, 0.0, 0.0, self.dock_heading, 0.0

    def _flown(self, phase: Phase, t: float) -> float:
        if phase in (Phase.IDLE, Phase.PREPARE):
            return 0.0
        if phase in AIRBORNE:
            return self.starts(phase) - self.starts(Phase.TAKEOFF) + t
        return self.flight_seconds

    def _battery(self, phase: Phase, t: float, flown: float) -> float:
        used = BATTERY_FULL - BATTERY_LANDED
        if phase is Phase.CHARGE:
            return BATTERY_LANDED + used * t / self._durations[phase]
        return BATTERY_FULL - used * flown / self.flight_seconds
