"""Clocks of devices: how far they are off, and which of two messages is older."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.buffer import LiveBuffer
from devices.clock import Clock

NOW = 1_700_000_000_000


def test_the_skew_is_ours_minus_theirs_and_is_smoothed() -> None:
    clock = Clock(NOW - 2_000, NOW)
    assert clock.skew == 2_000
    clock.was_set_back(NOW - 1_000, NOW + 2_000)
    assert clock.skew == pytest.approx(2_100)
    for second in range(3, 100):
        clock.was_set_back(NOW + second * 1_000, NOW + second * 1_000)
    assert clock.skew == pytest.approx(0, abs=1)


def test_a_clock_that_jumps_ahead_is_believed_at_once() -> None:
    clock = Clock(NOW, NOW)
    assert not clock.was_set_back(NOW + 61_000, NOW + 1_000)
    assert clock.skew == -60_000


def test_latecomers_change_nothing() -> None:
    clock = Clock(NOW, NOW)
    for late in (3_000, 9_000, 1_500, 6_000, 3_000):
        assert not clock.was_set_back(NOW - late, NOW + 100)
    assert clock.skew == 0


def test_three_messages_in_step_show_that_it_was_set_back() -> None:
    clock = Clock(NOW, NOW)
    hour = 3_600_000
    told = [clock.was_set_back(NOW + at - hour, NOW + at) for at in (2_000, 4_000, 6_000, 8_000)]
    assert told == [False, False, True, False]
    assert clock.skew == hour


def test_a_message_in_time_shows_that_it_was_not() -> None:
    clock = Clock(NOW, NOW)
    told = [clock.was_set_back(NOW + at - late, NOW + at) for at, late in ((1, 9_000), (2, 9_000), (3, 0), (4, 9_000))]
    assert told == [False] * 4


# --- values -----------------------------------------------------------------------------------------------------------
def feed(buffer: LiveBuffer, values: dict[str, int], sent_at: int, received_at: int) -> None:
    buffer.merge("DOCK", msgspec.Raw(json.dumps(values).encode()), received_at, sent_at)


def known(buffer: LiveBuffer) -> dict[str, int]:
    changes = buffer.drain()
    buffer.put_back(changes)
    return {key: json.loads(raw) for key, raw in changes.values.get("DOCK", {}).items()}


sent = st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), min_size=1), min_size=1, max_size=8)


@settings(deadline=None)
@given(sent, st.integers(-(10**10), 10**10), st.data())
def test_in_any_order_the_newest_value_of_each_key_stays(
    messages: list[dict[str, int]], skew: int, data: st.DataObject
) -> None:
    """However wrong the device's clock is. All arrive at once, so that none looks like a clock that was set back: each
    is late by its own time, a multiple of two seconds."""
    numbered = list(enumerate(messages))
    repeats = data.draw(st.lists(st.sampled_from(numbered), max_size=3, unique_by=lambda one: one[0]))
    buffer = LiveBuffer()
    for number, values in data.draw(st.permutations(numbered + repeats)):
        feed(buffer, values, NOW + skew + 2_000 * number, NOW)
    expected: dict[str, int] = {}
    for values in messages:
        expected |= values
    assert known(buffer) == expected


@pytest.mark.parametrize("hours", [1, 24 * 365])
def test_after_the_clock_was_set_back_values_change_again(hours: int) -> None:
    buffer = LiveBuffer()
    feed(buffer, {"a": 0, "b": 0}, NOW, NOW)
    seen = []
    for number in range(1, 5):
        feed(buffer, {"a": number}, NOW + 2_000 * number - hours * 3_600_000, NOW + 2_000 * number)
        seen.append(known(buffer)["a"])
    assert seen == [0, 0, 3, 4]
    assert known(buffer)["b"] == 0
