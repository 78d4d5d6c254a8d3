"""Merging delta frames."""

import json
from typing import Any

from devices.frames import merge


def merged(*frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    texts = [json.dumps({"type": "delta", "at": at, "devices": devices}) for at, devices in enumerate(frames)]
    read = json.loads(merge(texts))
    assert (read["type"], read["at"]) == ("delta", len(frames) - 1)
    devices: list[dict[str, Any]] = read["devices"]
    return devices


def test_the_newest_of_each_field_and_of_each_value_remains() -> None:
    assert merged(
        [{"sn": "A", "online": False, "values": {"x": 1, "y": {"z": 1}}}],
        [{"sn": "B", "last_seen_at": 5}],
        [{"sn": "A", "online": True, "values": {"y": None}}],
    ) == [
        {"sn": "A", "online": True, "values": {"x": 1, "y": None}},
        {"sn": "B", "last_seen_at": 5},
    ]


def test_a_removal_makes_void_what_came_before() -> None:
    assert merged([{"sn": "A", "values": {"x": 1}}], [{"sn": "A", "removed": True}]) == [{"sn": "A", "removed": True}]


def test_a_device_that_left_and_came_back_is_removed_first() -> None:
    assert merged(
        [{"sn": "A", "values": {"x": 1}}], [{"sn": "A", "removed": True}], [{"sn": "A", "values": {"y": 2}}]
    ) == [{"sn": "A", "removed": True}, {"sn": "A", "values": {"y": 2}}]


def test_a_value_named_like_a_field_is_a_value() -> None:
    assert merged([{"sn": "A", "values": {"removed": True, "sn": "B"}}], [{"sn": "A", "online": True}]) == [
        {"sn": "A", "values": {"removed": True, "sn": "B"}, "online": True}
    ]
