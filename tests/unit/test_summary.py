"""What lists and maps show of a device's values."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices import summary

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"


def shown(data: dict[str, Any]) -> dict[str, Any]:
    raw = msgspec.json.decode(msgspec.json.encode(data), type=dict[str, msgspec.Raw])
    return {key: json.loads(value) for key, value in summary.of({key: bytes(r) for key, r in raw.items()}).items()}


def test_an_aircraft_s_osd_becomes_a_few_small_values() -> None:
    data = json.loads((FRAMES / "osd_aircraft.json").read_text())["payload"]["data"]
    found = shown(data)
    assert found["battery"] == {"capacity_percent": data["battery"]["capacity_percent"]}
    plain = {"latitude", "longitude", "height", "elevation", "attitude_head", "horizontal_speed", "mode_code"}
    assert plain <= found.keys()
    assert {key: found[key] for key in plain} == {key: data[key] for key in plain}
    assert len(json.dumps(found)) < 400 < len(json.dumps(data)) / 5


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ({"battery": {"capacity_percent": 50, "batteries": [1]}}, {"battery": {"capacity_percent": 50}}),
        ({"battery": {}}, {"battery": None}),
        ({"battery": 5}, {"battery": None}),
        ({"battery": None}, {"battery": None}),
        ({"battery": {"capacity_percent": "9" * 100}}, {"battery": None}),
        ({"latitude": "9" * 100}, {"latitude": None}),
        ({"latitude": 46.95123456789}, {"latitude": 46.95123456789}),
        ({"unknown": 1}, {}),
        ({}, {}),
    ],
)
def test_what_is_not_as_it_should_be_is_no_value(reported: dict[str, Any], expected: dict[str, Any]) -> None:
    assert shown(reported) == expected
