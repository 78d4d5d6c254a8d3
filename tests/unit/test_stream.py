"""Frames that listeners share."""

import json

import pytest

from devices.stream import KEPT, Stream


def delta(number: int) -> str:
    return json.dumps({"type": "delta", "at": number, "devices": [{"sn": "A", "values": {f"k{number}": number}}]})


def filled(frames: int) -> Stream:
    stream = Stream()
    for number in range(1, frames + 1):
        stream.append(delta(number))
    return stream


def test_who_lacks_one_frame_gets_that_very_text() -> None:
    stream = filled(3)
    assert stream.since(2) == delta(3)
    assert stream.since(2) is stream.since(2)


def test_who_lacks_several_gets_them_in_one_text_that_is_merged_once() -> None:
    stream = filled(3)
    merged = stream.since(0)
    assert merged is not None
    assert json.loads(merged) == {
        "type": "delta", "at": 3, "devices": [{"sn": "A", "values": {"k1": 1, "k2": 2, "k3": 3}}],
    }  # fmt: skip
    assert stream.since(0) is merged
    stream.append(delta(4))
    assert stream.since(0) != merged


@pytest.mark.parametrize(
    ("frames", "position", "is_kept"), [(KEPT, 0, True), (KEPT + 1, 0, False), (KEPT + 1, 1, True)]
)
def test_who_lacks_too_much_starts_anew(frames: int, position: int, is_kept: bool) -> None:
    assert (filled(frames).since(position) is not None) is is_kept


def test_details_stay_details() -> None:
    stream = Stream("details")
    for number in (1, 2):
        stream.append(delta(number))
    assert json.loads(stream.since(0) or "")["type"] == "details"
