"""What happens to a device again and again within minutes: where in its timeline, and one sentence for all of it."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils.translation import ngettext

from devices import story_text
from devices.clock_text import duration
from devices.models import OfflineReason, TimelineEntry
from devices.timeline import OWNERSHIP

#: The same so many times, with no more than this in between.
LEAST = 3
PAUSE = timedelta(minutes=10)
_RETURNS = ("online", "reconnected")
_LONGEST_ROUND = 3


def rounds(told: Sequence[TimelineEntry], start: int) -> tuple[int, int]:
    """How many entries a round has that begins here, and how often it comes; (1, 1) where nothing repeats.

    told: oldest first.
    """
    for length in range(1, _LONGEST_ROUND + 1):
        first = [entry.event for entry in told[start : start + length]]
        if not _is_round(first):
            continue
        count = 1
        while _again(told, start + count * length, first):
            count += 1
        if count >= LEAST:
            return length, count
    return 1, 1


def sentence(run: Sequence[TimelineEntry], count: int) -> str:
    """For all entries of these rounds."""
    reasons = [entry.event for entry in run if entry.event in OfflineReason.values]
    if reasons:
        return ngettext(
            "Went offline and came back {count} time: {reason}",
            "Went offline and came back {count} times: {reason}",
            count,
        ).format(count=count, reason=OfflineReason(reasons[-1]).label)
    if run[-1].event == "reconnected":
        return ngettext(
            "Lost its connection {count} time and was back after {duration}, stayed online",
            "Lost its connection {count} times and was back each time after {duration} at most, stayed online",
            count,
        ).format(count=count, duration=duration(max(map(story_text.told_ms, run))))
    return ngettext("Changed its gateway {count} time", "Changed its gateway {count} times", count).format(count=count)


def _is_round(events: Sequence[str]) -> bool:
    """Something that ends as it began: away and back."""
    if len(events) == 1:
        return events[0] in ("reconnected", "moved_to_gateway")
    return events[-1] in _RETURNS and not {*events[:-1]}.intersection(("online", *OWNERSHIP))


def _again(told: Sequence[TimelineEntry], start: int, events: Sequence[str]) -> bool:
    following = told[start : start + len(events)]
    if [entry.event for entry in following] != list(events):
        return False
    before = told[start - 1 : start - 1 + len(events)]
    return all(later.at - earlier.at <= PAUSE for earlier, later in zip(before, following, strict=True))
