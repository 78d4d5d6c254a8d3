"""Payloads in logs: short, on one line, and without secrets."""

import re

MAX_LOGGED = 2048
#: A payload is logged because it is bad, so this does not count on quotes and colons where JSON has them: after a word
#: that announces a secret, one value is hidden, and the rest of the line too where its end cannot be told.
_SECRETS = re.compile(
    r"""((?:code|password|secret|key|licen[cs]e|token|nonce|credential)[^:=,{}\[\]]{0,64}[:=]\s{0,8})"""
    r"""(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|-?\d[\d.eE+-]*(?=[\s,}\]])|(?:true|false|null)\b|.*)""",
    re.IGNORECASE | re.DOTALL,
)
#: Escaped letters could hide the word itself.
_ESCAPED_LETTER = re.compile(r"\\u00(4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])", re.IGNORECASE)


def excerpt(payload: bytes) -> str:
    """The beginning of a payload as it may stand in a log line; at most 2 KB."""
    text = payload[: MAX_LOGGED * 2].replace(b"\0", b"").decode("utf-8", "backslashreplace")
    text = _ESCAPED_LETTER.sub(lambda match: chr(int(match[1], 16)), text)
    text = _SECRETS.sub(r'\1"…"', text)
    return "".join(character if character.isprintable() else " " for character in text)[:MAX_LOGGED]
