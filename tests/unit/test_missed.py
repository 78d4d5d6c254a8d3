"""What a feed finds out by looking: what differs from the look before, unless it was announced meanwhile."""

from typing import Any

import pytest

from devices.missed import Missed
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db


def device(sn: str, *, online: bool, last_seen_at: int = 0) -> dict[str, Any]:
    return {"sn": sn, "kind": "dock", "online": online, "last_seen_at": last_seen_at}


def described(sn: str, *, online: bool) -> dict[str, Any]:
    return {"sn": sn, "kind": "dock", "online": online}


def test_only_what_has_changed_is_told_and_not_at_first() -> None:
    missed = Missed(make_workspace())
    assert missed.compare([device("A", online=True), device("B", online=True), device("C", online=True)]) == []
    now = [device("A", online=True, last_seen_at=9), device("B", online=False), device("D", online=True)]
    assert missed.compare(now) == [
        {"sn": "C", "removed": True}, described("B", online=False), described("D", online=True)
    ]  # fmt: skip
    assert missed.compare(now) == []


def test_what_was_announced_meanwhile_is_newer_and_looked_at_again() -> None:
    missed = Missed(make_workspace())
    missed.compare([device("A", online=False), device("B", online=False)])
    for sn in ("A", "B", "NEW"):
        missed.told(sn)
    seen = [device("A", online=True), device("NEW", online=True)]
    assert missed.compare(seen) == []
    missed._told.clear()
    assert missed.compare(seen) == [
        {"sn": "B", "removed": True}, described("A", online=True), described("NEW", online=True)
    ]  # fmt: skip
