"""Product names and kinds: unknown is normal."""

import pytest

from devices import products
from devices.sn import is_sn
from mqtt_bridge.payloads.fields import clean, number


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        (0, "aircraft"),
        (1, "payload"),
        (2, "controller"),
        (3, "dock"),
        (4, "unknown"),
        (255, "unknown"),
        (None, "unknown"),
    ],
)
def test_the_domain_says_what_kind_of_device_it_is(domain: int | None, kind: str) -> None:
    assert products.kind(domain) == kind


def test_an_unknown_model_shows_its_key() -> None:
    assert products.name("3-2-0") == "DJI Dock 2"
    assert products.name("3-9999-7") == "3-9999-7"
    assert products.name("") == ""


def test_every_listed_model_has_a_key_that_can_be_read() -> None:
    for key, name in products.names().items():
        parsed = products.parse_model_key(key)
        assert parsed is not None
        assert "-".join(map(str, parsed)) == key
        assert name


@pytest.mark.parametrize(
    "key", ["", "3", "3-2", "3-2-0-0", "a-b-c", "-1-2-3", "999-1-1", "3-1234567-0", "3-2-0\0", "3 - 2-0"]
)
def test_what_is_no_model_key_is_none(key: str) -> None:
    assert products.parse_model_key(key) is None
    assert products.parse_model_key(" 3-2-0\n") == (3, 2, 0)


@pytest.mark.parametrize("sn", ["1581F5BKD225D00BP001", "a", "a.b:c_d-e", "S" * 64])
def test_serial_numbers(sn: str) -> None:
    assert is_sn(sn)


@pytest.mark.parametrize("sn", ["", "S" * 65, "a b", "a\n", "\na", "a/b", "a+", "#", "a'b", 'a"b', "é", "\0", None, 5])
def test_what_is_no_serial_number(sn: object) -> None:
    assert not is_sn(sn)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), ("0", 0), (" 7 ", 7), (2.0, 2), (2**31 - 1, 2**31 - 1), (2**31, None), (-1, None), ("-1", None),
     ("", None), ("1.5", None), ("٣", None), (None, None), (1e300, None), ("9" * 10, None)],
)  # fmt: skip
def test_product_numbers(value: int | float | str | None, expected: int | None) -> None:
    assert number(value) == expected


def test_text_is_cleaned_for_the_database() -> None:
    assert clean(" a\0b\n\ud800c \u2028", 100) == "abc"
    assert clean("é" * 50, 10) == "é" * 10
