"""The timeline of a device as a story: sentences, the newest first, and one sentence for what happened again and again.

Members see what happened since the device is theirs. Whose it was before, and behind which gateway, is not their
business, so the entries before the last change of owner are left out, and gateways of others are not named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from devices import flapping, heard, story_text
from devices.models import Device, OfflineReason, TimelineEntry
from devices.story_text import Teller
from devices.timeline import OWNERSHIP
from workspaces.models import Workspace

#: So many of the newest entries are told.
LIMIT = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence, of what was from `since` to `until`: one moment, unless `count` rounds are told at once.

    event: the entry's, or "flapping".
    """

    since: datetime
    until: datetime
    event: str
    text: str
    count: int = 1


def for_workspace(device: Device, workspace: Workspace) -> list[Line]:
    """What members of the device's workspace are told."""
    entries = list(_since_theirs(device)[:LIMIT])
    named = set().union(*(story_text.gateways_named(entry) for entry in entries))
    gateways = Device.objects.in_workspace(workspace).filter(sn__in=named)
    return tell(entries, Teller(device.sn, {gateway.sn: gateway for gateway in gateways}))


def _since_theirs(device: Device) -> QuerySet[TimelineEntry]:
    """The entries since the device is in its workspace, and those of the time before when it was nobody's.

    By the order of writing: one transaction notes what happened at different moments.
    """
    changes = list(device.timeline.filter(event__in=OWNERSHIP).order_by("-pk")[:2])
    if not changes or changes[0].event != "joined_workspace":
        return device.timeline.none()
    if len(changes) == 1:
        return device.timeline.all()
    joined, before = changes
    return device.timeline.filter(pk__gt=before.pk if before.event == "released" else joined.pk - 1)


def tell(entries: Sequence[TimelineEntry], teller: Teller) -> list[Line]:
    """The story of these entries, in any order."""
    told = sorted(entries, key=lambda entry: (heard.milliseconds(entry.at), entry.pk))
    lines: list[Line] = []
    start = 0
    while start < len(told):
        length, rounds = flapping.rounds(told, start)
        run = told[start : start + length * rounds]
        if rounds > 1:
            lines.append(Line(run[0].at, run[-1].at, "flapping", flapping.sentence(run, rounds), rounds))
        else:
            lines.append(_line(told, start, teller))
        start += len(run)
    return lines[::-1]


def _line(told: Sequence[TimelineEntry], place: int, teller: Teller) -> Line:
    entry = told[place]
    text = teller.sentence(entry)
    if entry.event == "online":
        left = next((before for before in reversed(told[:place]) if before.event in OfflineReason.values), None)
        if left is not None:
            text = story_text.after_absence(text, round((entry.at - left.at).total_seconds() * 1000))
    return Line(entry.at, entry.at, entry.event, text)
