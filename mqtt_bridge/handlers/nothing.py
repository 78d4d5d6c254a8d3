"""Requests that are answered with "nothing for you" because silence or a refusal would do harm."""

from typing import Any

import msgspec

from mqtt_bridge.context import Context
from mqtt_bridge.results import OK


def nothing_to_fetch(context: Context, payload: msgspec.Raw) -> dict[str, Any]:
    """`flight_areas_get`, `offline_map_get`: a silent server delays every take-off by 40 s (N7), and an empty list
    would erase what the dock has. `result` 0 without `output` changes nothing."""
    return {"result": OK}
