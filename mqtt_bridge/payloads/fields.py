"""Field types shared by payloads."""

from typing import Annotated

import msgspec

from devices.sn import SN_PATTERN

#: `\Z`, since `$` would let a line feed through at the end.
SerialNumber = Annotated[str, msgspec.Meta(pattern=rf"\A{SN_PATTERN}\Z")]
#: Text that is compared or stored; the limit only keeps absurd values out, printing is checked where it is stored.
Text = Annotated[str, msgspec.Meta(max_length=1024)]
#: Product numbers come as numbers or as strings ("3"), depending on the page of the documents and the firmware.
NumberOrText = int | float | str | None


def number(value: NumberOrText, *, limit: int = 2**31) -> int | None:
    """A product number as an int; None where it is missing or no number (an unknown model is normal)."""
    if isinstance(value, str):
        value = value.strip()
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            return None
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    result = int(value)
    return result if 0 <= result < limit else None


def clean(text: str, max_length: int) -> str:
    """Text for a database column: without control characters (PostgreSQL refuses NUL), cut to length."""
    return "".join(character for character in text if character.isprintable())[:max_length].strip()
