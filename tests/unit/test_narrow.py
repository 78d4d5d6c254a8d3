"""Typed columns from what devices send."""

import json

import pytest

from devices import narrow
from tests.factories import frame


def column(name: str, **raw: bytes) -> object:
    return getattr(narrow.of(raw), name)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(b"0", b"0"), (b"0.0", b"-0.0"), (b"90.1", b"7"), (b"46", b"180.5"), (b"46", b"null"), (b'"46"', b"7"),
     (b"1e999", b"7"), (b"nan", b"7"), (b"46", b"{}"), (b"46", b"9" * 5_000)],
)  # fmt: skip
def test_what_is_no_position_leaves_both_empty(latitude: bytes, longitude: bytes) -> None:
    found = narrow.of({"latitude": latitude, "longitude": longitude})
    assert (found.latitude, found.longitude) == (None, None)


def test_half_a_position_is_none() -> None:
    assert column("latitude", latitude=b"46.95") is None


def test_on_the_equator_there_are_positions() -> None:
    found = narrow.of({"latitude": b"0", "longitude": b"7.45"})
    assert (found.latitude, found.longitude) == (0, 7.45)


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("battery_percent", {"battery": b'{"capacity_percent": 87, "batteries": []}'}, 87),
        ("battery_percent", {"capacity_percent": b"55"}, 55),
        ("battery_percent", {"battery": b'{"capacity_percent": 870}'}, None),
        ("battery_percent", {"battery": b"[1]"}, None),
        ("battery_percent", {"battery": b"[" * 100_000}, None),
        ("mode_code", {"mode_code": b"5"}, 5),
        ("mode_code", {"mode_code": b"-1"}, None),
        ("mode_code", {"mode_code": b"true"}, None),
        ("height", {"height": b"113.9"}, 113.9),
        ("height", {"height": b"1e300"}, None),
        ("heading", {"attitude_head": b"-55.1"}, -55.1),
        ("vertical_speed", {"vertical_speed": b"-0.5"}, -0.5),
    ],
)
def test_columns(name: str, raw: dict[str, bytes], expected: object) -> None:
    assert column(name, **raw) == expected


@pytest.mark.parametrize("name", ["osd_aircraft", "osd_aircraft_no_fix", "osd_controller", "osd_dock_work"])
def test_recorded_frames(name: str) -> None:
    data = frame(name)[1]["data"]
    found = narrow.of({key: json.dumps(value).encode() for key, value in data.items()})
    has_fix = bool(data.get("latitude"))
    assert (found.latitude is not None) == has_fix
    assert found.height is None or found.height == data["height"]
