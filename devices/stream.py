"""The latest frames of a stream, numbered, so that each listener gets what it lacks in one frame."""

from collections import deque
from itertools import islice

from devices.frames import merge

#: A listener that lacks more frames than this starts anew from a snapshot.
KEPT = 20


class Stream:
    """Frames of one kind, oldest first; `position` is the number of the newest.

    All listeners that lack the same frames get the same text: it is merged once, and only if somebody asks.
    """

    def __init__(self, kind: str = "delta") -> None:
        self._kind = kind
        self.position = 0
        self._texts: deque[str] = deque(maxlen=KEPT)
        self._merged: dict[int, str] = {}

    def append(self, text: str) -> None:
        self.position += 1
        self._texts.append(text)
        self._merged.clear()

    def since(self, position: int) -> str | None:
        """One frame that says what happened after this position (below the present one); None if that is too long
        ago."""
        lacking = self.position - position
        if lacking > len(self._texts):
            return None
        if position not in self._merged:
            texts = list(islice(self._texts, len(self._texts) - lacking, None))
            self._merged[position] = texts[0] if lacking == 1 else merge(texts, self._kind)
        return self._merged[position]
