"""Devices' clocks: how far they are off, and which of two messages is the older one.

Device time never decides presence. It only keeps a late message from overwriting newer values, and people are told when
a gateway's clock is so far off that the device refuses timed commands (device facts, N6).
"""

#: A gateway whose clock is off by more than this is shown with a warning, in ms.
WARN_ABOVE = 5_000
_SMOOTHING = 0.1
#: So many messages in a row that are all behind by the same time (in ms) are no latecomers: the clock was set back.
_JUMP_MESSAGES = 3
_JUMP_JITTER = 1_000


class Clock:
    """The clock of one device, in ms throughout."""

    __slots__ = ("_behind", "_behind_offset", "_newest", "skew")

    def __init__(self, timestamp: int, received_at: int) -> None:
        self._newest = timestamp
        #: Our clock at arrival minus the device's, smoothed; it includes the way.
        self.skew = float(received_at - timestamp)
        self._behind = 0
        self._behind_offset = 0

    def was_set_back(self, timestamp: int, received_at: int) -> bool:
        """Take in one message; True if it shows that the clock was set back, so that older stamps mean nothing."""
        offset = received_at - timestamp
        if timestamp >= self._newest:
            self._newest = timestamp
            self._behind = 0
            jumped = abs(offset - self.skew) > WARN_ABOVE
            self.skew = float(offset) if jumped else self.skew + _SMOOTHING * (offset - self.skew)
            return False
        same = self._behind > 0 and abs(offset - self._behind_offset) <= _JUMP_JITTER
        self._behind = self._behind + 1 if same else 1
        self._behind_offset = offset
        if self._behind < _JUMP_MESSAGES:
            return False
        self._newest, self._behind, self.skew = timestamp, 0, float(offset)
        return True
