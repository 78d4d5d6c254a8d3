"""The envelope around every message, and the reply that copies it."""

import json

import pytest

from mqtt_bridge import envelope, message

UNUSABLE: list[object] = [0, -1, 2**53, 10**30, True, False, None, "", "now", "-5", "1e3", "²", [], {}]
TID, BID = "6a7bfe89-c386-4043-b600-b518e10096cc", "42a19f36-5117-4520-bd13-fd61d818d52e"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"null",
        b"1",
        b'"text"',
        b"[]",
        b'[{"tid": "1"}]',
        b'{"tid": "1"',
        b'{"tid": "1", "data": {"a": 1}',
        b'{"tid": "1", "data": {"a": nul}}',
        b'{"tid": "1"} trailing',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'{"tid": "\xff"}',
        b'{"data": {"a": "\xc3\x28"}}',
        b'{"tid": "\\ud800"}',
        b'{"data": {"a": "\\udc00 alone"}}',
        b'{"tid": ' + b"9" * 5000 + b"}",
        b'{"tid": 1e999}',
        b'{"data": NaN}',
        b'{"data": "a\x00b"}',
        b'{"data": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"tid": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_001,
    ],
)
def test_what_is_no_json_object_in_utf_8_is_malformed(payload: bytes) -> None:
    with pytest.raises(envelope.Malformed):
        envelope.decode(payload)


def test_an_empty_envelope_and_unknown_fields_are_fine() -> None:
    assert bytes(envelope.decode(b"{}").data) == b"null"
    assert envelope.decode(b'{"tid": "a", "field_of_2099": [1, {"x": null}]}').tid == "a"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1667220916697, 1667220916697),
        ("1667220916697", 1667220916697),
        (1667220916697.9, 1667220916697),
        (16540709686556, 16540709686556),
        (2**53 - 1, 2**53 - 1),
        *[(unusable, None) for unusable in UNUSABLE],
        ("9" * 17, None),
        (float("nan"), None),
        (float("inf"), None),
        (float("-inf"), None),
    ],
)
def test_timestamps_come_as_numbers_and_strings_and_nonsense_is_none(value: object, expected: int | None) -> None:
    assert envelope.milliseconds(value) == expected


@pytest.mark.parametrize("value", [None, 5, 1.5, True, [], {}, "a\nb", "a\0b", "x" * 129, "\ud800"])
def test_what_is_no_printable_text_of_128_characters_is_no_id(value: object) -> None:
    assert envelope.text_id(value) == ""
    assert envelope.text_id("x" * 128) == "x" * 128


@pytest.mark.parametrize(("value", "wanted"), [(1, True), (True, True), ("1", True), (0, False), (None, False)])
def test_need_reply_is_a_number_or_a_boolean_or_text(value: object, wanted: bool) -> None:
    assert envelope.wants_reply(value) is wanted
    assert not envelope.wants_reply([1])


def test_a_reply_copies_what_came_and_carries_our_time() -> None:
    text = json.dumps({"tid": TID, "bid": BID, "method": "config", "gateway": "DOCK1", "timestamp": 1, "data": {}})
    reply = json.loads(message.read("requests", "DOCK1", text.encode(), 5).reply({"result": 0}, timestamp=7))
    assert reply == {
        "tid": TID, "bid": BID, "method": "config", "gateway": "DOCK1", "timestamp": 7, "data": {"result": 0},
    }  # fmt: skip


def test_a_reply_has_no_gateway_where_none_came() -> None:
    text = json.dumps({"tid": TID, "bid": BID, "method": "config"}).encode()
    assert "gateway" not in json.loads(message.read("requests", "DOCK1", text, 5).reply({}, timestamp=7))


def test_a_message_survives_the_way_through_celery() -> None:
    text = json.dumps({"tid": TID, "bid": BID, "method": "ü", "data": {"名": "\U0001f681", "n": 1e300}}).encode()
    read = message.read("requests", "DOCK1", text, 5)
    assert message.Message.from_json(read.to_json()) == read
    assert message.Message.from_json(message.answered(read, 210002).to_json()).result == 210002
