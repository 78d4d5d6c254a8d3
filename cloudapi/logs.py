"""Log lines without secrets, one line a record: every process writes its log through `SafeFormatter`."""

import logging
import re
from functools import cache
from urllib.parse import unquote, urlsplit

HIDDEN = "…"
#: Settings whose values never appear, wherever they turn up.
_SETTINGS = ("SECRET_KEY", "MQTT_PASSWORD", "EMAIL_HOST_PASSWORD", "EMQX_HTTP_SECRET", "EMQX_API_SECRET",
             "DEVICE_CA_PASSPHRASE")  # fmt: skip
#: Shorter ones would blot out ordinary words.
_SHORTEST = 6

#: The ends of names are enough, and what may stand before them would be tried at every letter of a long word.
_NAME = (
    r"(?:token|password|passwd|secret|(?:app|api|secret|private)[_-]?key|licen[cs]e"
    r"|(?:device_)?(?:bind|binding)[_ ]?codes?|nonce|credentials?|(?:__host-)?sessionid)"
)
#: What stands around a name and its value: quotes, also escaped ones (JSON within JSON) and those of bytes.
_QUOTE = r"""(?:\\{0,8}b?["'])"""
_PATTERNS = (
    # Authorization: Bearer …, Cookie: a=…; b=… and their pairs in a list of headers: to the end of what is quoted.
    (
        rf"""(\b(?:proxy-)?(?:authorization|(?:set-)?cookie)\b{_QUOTE}?\s{{0,4}}[:=,]\s{{0,4}}{_QUOTE}?)[^"'\n]+""",
        rf"\1{HIDDEN}",
    ),
    # name: value, name=value, "name": "value", ('name', 'value'); a quoted value ends at the quote that began it.
    (
        rf"""({_NAME}{_QUOTE}\s{{0,4}}[:,]\s{{0,4}}|{_NAME}\s{{0,4}}[:=]\s{{0,4}})"""
        r"""(?:b?(?P<escape>\\{0,8})(?P<quote>["']).*?(?:(?<!\\)(?P=escape)(?P=quote)|(?=\n)|\Z)"""
        r"""|[\[{(]?[^\s,;&"'\]})]+)""",
        rf"\1{HIDDEN}",
    ),
    (r"(\b[a-z][a-z0-9+.-]{0,20}://[^/\s:@]{0,64}:)[^/\s@]+(?=@)", rf"\1{HIDDEN}"),  # scheme://user:password@host
    (r"(/password/[^/\s]{1,64}/)[^/\s\"']+", rf"\1{HIDDEN}"),  # the link with which somebody chooses a password
    # Whatever they are called: an access token (256 bits in base64), an MQTT password (130 bits in base32).
    (r"(?<![\w-])(?:[\w-]{43}|[a-z2-7]{26})(?![\w-])", HIDDEN),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), by) for pattern, by in _PATTERNS)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class SafeFormatter(logging.Formatter):
    """`2026-01-31 12:00:00,000 LEVEL logger: message`, then the traceback if there is one, indented.

    A message with line breaks or other control characters has them escaped: who chooses a serial number or a user name
    cannot write a line that looks like one of ours.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escaped(record.message).replace("\n", "\\n")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        first, *others = escaped(redacted(super().format(record))).split("\n")
        return "\n".join([first, *(f"    {line}" for line in others)])


def redacted(text: str) -> str:
    """The text with secrets replaced by `HIDDEN`: our own by value, other people's by what they are called."""
    for value in _own_secrets():
        text = text.replace(value, HIDDEN)
    for pattern, by in _COMPILED:
        text = pattern.sub(by, text)
    return text


def escaped(text: str) -> str:
    """Control characters except line breaks as `\\x1b`, and those that turn the direction of writing."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


@cache
def _own_secrets() -> tuple[str, ...]:
    from django.conf import settings

    values = [getattr(settings, name, "") for name in _SETTINGS]
    values.append(unquote(urlsplit(settings.REDIS_URL).password or ""))
    values += settings.FIELD_ENCRYPTION_KEYS
    values += [database.get("PASSWORD", "") for database in settings.DATABASES.values()]
    return tuple(sorted({value for value in values if value and len(value) >= _SHORTEST}, key=len, reverse=True))
