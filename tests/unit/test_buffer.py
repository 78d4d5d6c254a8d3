"""The buffer between two ticks."""

import msgspec
import pytest

from devices.buffer import Changes, LiveBuffer, NotAnObject


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def test_partial_messages_merge_per_key_and_values_stay_as_they_were_sent() -> None:
    buffer = LiveBuffer()
    buffer.merge("DOCK1", raw('{"mode_code": 4, "network": {"rate": 1.50}}'), 1)
    buffer.merge("DOCK1", raw('{"network" : {"rate":2.0 , "type": 1}, "99-0-0": [1e3]}'), 2)
    buffer.merge("DOCK2", raw("{}"), 3)
    assert buffer.drain() == Changes(
        {"DOCK1": {"mode_code": b"4", "network": b'{"rate":2.0 , "type": 1}', "99-0-0": b"[1e3]"}, "DOCK2": {}},
        {"DOCK1": 2, "DOCK2": 3},
    )
    assert buffer.drain() == Changes()


@pytest.mark.parametrize("key", ["", "a b", "<b>", "a/b", "x" * 65, "a\\u0000", "a\\n"])
def test_keys_that_are_no_names_are_left_out(key: str) -> None:
    buffer = LiveBuffer()
    buffer.merge("DOCK1", raw(f'{{"{key}": 1, "good": 2}}'), 1)
    assert buffer.drain().values == {"DOCK1": {"good": b"2"}}


@pytest.mark.parametrize("text", ["null", "[]", "1", '"x"', '{"a": }', "", "[" * 100_000])
def test_what_is_no_object_changes_nothing(text: str) -> None:
    buffer = LiveBuffer()
    with pytest.raises(NotAnObject):
        buffer.merge("DOCK1", raw(text), 1)
    assert buffer.drain() == Changes()


def test_what_could_not_be_delivered_comes_again_and_newer_wins() -> None:
    buffer = LiveBuffer()
    buffer.merge("DOCK1", raw('{"a": 1, "b": 1}'), 1)
    failed = buffer.drain()
    buffer.merge("DOCK1", raw('{"b": 2, "c": 2}'), 2)
    buffer.heard("DOCK2", 5)
    buffer.put_back(failed)
    assert buffer.drain() == Changes({"DOCK1": {"a": b"1", "b": b"2", "c": b"2"}}, {"DOCK1": 2, "DOCK2": 5})
