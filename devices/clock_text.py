"""How long something took, and by how much a clock is wrong, in the language of the reader.

The texts are also the console's (`devices.console_text`): its script says the same about the same number.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from devices.clock import WARN_ABOVE

TEXT: dict[str, str | Promise] = {
    "duration.seconds": _("{s} s"),
    "duration.minutes": _("{m} min {s} s"),
    "duration.hours": _("{h} h {m} min"),
    "duration.days": _("{d} d {h} h"),
    "clock.behind": _("Clock is {duration} behind"),
    "clock.ahead": _("Clock is {duration} ahead"),
    "clock.hint": _(
        "Check the NTP server in the organization's settings. Timed commands need the clock to be right within 30 s."
    ),
}


def duration(milliseconds: float) -> str:
    """The two largest units; below ten seconds with tenths."""
    if milliseconds < 9_950:
        return _say("duration.seconds", s=f"{milliseconds / 1000:.1f}".removesuffix(".0"))
    seconds = round(milliseconds / 1000)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if minutes == 0:
        return _say("duration.seconds", s=seconds)
    if hours == 0:
        return _say("duration.minutes", m=minutes, s=seconds % 60)
    if days == 0:
        return _say("duration.hours", h=hours, m=minutes % 60)
    return _say("duration.days", d=days, h=hours % 24)


def clock_warning(skew_ms: int | None) -> str:
    """What people are told of a gateway's clock (`Device.clock_skew_ms`); "" while it is good enough or unknown."""
    if skew_ms is None or abs(skew_ms) <= WARN_ABOVE:
        return ""
    return _say("clock.behind" if skew_ms > 0 else "clock.ahead", duration=duration(abs(skew_ms)))


def _say(key: str, **filling: object) -> str:
    return str(TEXT[key]).format(**filling)
