"""What happened to one device, as the console tells it, and for all owners."""

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from devices import story, story_text
from devices.models import Device
from devices.story import Line


class Command(BaseCommand):
    help = "Shows when a device came and went, and why; the newest at the end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sn", metavar="SN")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_arguments: Any, sn: str, **options: Any) -> None:
        device = Device.objects.unscoped().filter(sn=sn).first()
        if device is None:
            raise CommandError(f"No device with the serial number {sn!r} is known.")
        lines = self._lines(device)
        if options["json"]:
            self.stdout.write(json.dumps({"sn": sn, "lines": list(map(_as_json, lines))}, ensure_ascii=False))
            return
        for line in lines:
            self.stdout.write(f"{_moment(line.since, line.until)}  {line.text}")

    def _lines(self, device: Device) -> list[Line]:
        entries = list(device.timeline.all()[: story.LIMIT])
        named = set().union(*map(story_text.gateways_named, entries))
        gateways = {gateway.sn: gateway for gateway in Device.objects.unscoped().filter(sn__in=named)}
        return story.tell(entries, story_text.Teller(device.sn, gateways))[::-1]


def _as_json(line: Line) -> dict[str, Any]:
    return {
        "since": timezone.localtime(line.since).isoformat(),
        "until": timezone.localtime(line.until).isoformat(),
        "event": line.event,
        "count": line.count,
        "text": line.text,
    }


def _moment(since: datetime, until: datetime) -> str:
    begin = f"{timezone.localtime(since):%Y-%m-%d %H:%M:%S}"
    end = f" to {timezone.localtime(until):%H:%M:%S}"
    return begin + (end if until != since else " " * len(end))
