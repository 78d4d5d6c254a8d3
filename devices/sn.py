"""Serial numbers as they may appear in topics, payloads and our tables."""

import re
from typing import TypeGuard

#: DJI's are 14 to 20 letters and digits; simulators add hyphens and underscores. Nothing that means something in a
#: topic (`/ + #`), in HTML or in a log line.
SN_PATTERN = r"[A-Za-z0-9_.:-]{1,64}"
_SN = re.compile(SN_PATTERN)


def is_sn(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _SN.fullmatch(value) is not None
