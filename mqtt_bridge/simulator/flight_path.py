"""The geometry of a flight: speeding up and braking, the legs of a survey, turning on the spot."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ramp:
    """A distance covered from standstill to standstill: accelerate, cruise, brake."""

    distance: float
    top: float
    acceleration: float

    @property
    def _speed_up(self) -> float:
        return min(self.top, math.sqrt(self.distance * self.acceleration)) / self.acceleration

    @property
    def duration(self) -> float:
        speed = self._speed_up * self.acceleration
        return self._speed_up + self.distance / speed if speed else 0.0

    def at(self, t: float) -> tuple[float, float]:
        """Distance covered and speed after `t` seconds."""
        up, total = self._speed_up, self.duration
        t = min(max(t, 0.0), total)
        if t > total - up:
            left = total - t
            return self.distance - self.acceleration * left**2 / 2, self.acceleration * left
        if t < up:
            return self.acceleration * t**2 / 2, self.acceleration * t
        return self.acceleration * up * (t - up / 2), self.acceleration * up


@dataclass(frozen=True, slots=True)
class SurveyPath:
    """Parallel legs joined by half circles, in metres east and north of its start."""

    bearing: float
    #: +1 turns right first, -1 left.
    side: int
    legs: int
    leg_length: float
    spacing: float

    @property
    def length(self) -> float:
        return self.legs * self.leg_length + (self.legs - 1) * math.pi * self.spacing / 2

    def at(self, distance: float) -> tuple[float, float, float]:
        """East, north and heading (degrees, clockwise from north) at a distance along the path."""
        radius, turn = self.spacing / 2, math.pi * self.spacing / 2
        leg = min(int(distance // (self.leg_length + turn)), self.legs - 1)
        rest = distance - leg * (self.leg_length + turn)
        outbound = leg % 2 == 0
        along = min(rest, self.leg_length) if outbound else self.leg_length - min(rest, self.leg_length)
        across, yaw = leg * self.spacing, 0.0 if outbound else math.pi
        if rest > self.leg_length:
            angle = (rest - self.leg_length) / radius
            along += radius * math.sin(angle) * (1 if outbound else -1)
            across += radius * (1 - math.cos(angle))
            yaw += angle if outbound else -angle
        theta = math.radians(self.bearing)
        east = along * math.sin(theta) + self.side * across * math.cos(theta)
        north = along * math.cos(theta) - self.side * across * math.sin(theta)
        return east, north, self.bearing + self.side * math.degrees(yaw)


def turned(start: float, end: float, part: float) -> float:
    """From one heading to the other the short way, starting and stopping gently."""
    part = min(max(part, 0.0), 1.0)
    return start + ((end - start + 180) % 360 - 180) * part * part * (3 - 2 * part)
