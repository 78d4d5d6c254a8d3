"""Product names and kinds, as data: an unknown model is normal and shows its model key."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["aircraft", "payload", "controller", "dock", "unknown"]
_KINDS: dict[int, Kind] = {0: "aircraft", 1: "payload", 2: "controller", 3: "dock"}
_MODEL_KEY = re.compile(r"(\d{1,3})-(\d{1,6})-(\d{1,6})")


@cache
def names() -> dict[str, str]:
    """Model key → product name (DJI's "Product Support" table)."""
    loaded: dict[str, str] = json.loads((Path(__file__).parent / "data" / "products.json").read_text())
    return loaded


def name(model_key: str) -> str:
    """Product name of a model key such as "3-2-0"; the key itself for a model that we do not know."""
    return names().get(model_key, model_key)


def kind(domain: int | None) -> Kind:
    return "unknown" if domain is None else _KINDS.get(domain, "unknown")


def parse_model_key(model_key: str) -> tuple[int, int, int] | None:
    """(domain, type, sub_type) of "3-2-0"; None for anything else, and for values that a device row cannot hold."""
    match = _MODEL_KEY.fullmatch(model_key.strip())
    if not match:
        return None
    domain, type_, sub_type = (int(part) for part in match.groups())
    return (domain, type_, sub_type) if domain < 256 else None
