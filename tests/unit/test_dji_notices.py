"""What brokers say about connections, in the words of Mosquitto 2.0.11 and EMQX."""

import pytest

from mqtt_bridge.notices import Connected, Disconnected, read

LOG = "$SYS/broker/log/N"
EMQX = "$SYS/brokers/emqx@10.0.0.1/clients/RC1/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795251026: New client connected from 127.0.0.1:48673 as RC1 (p2, c1, k60, u'pilot-1').", ("RC1", "pilot-1")),
        ("New client connected from 127.0.0.1:48673 as RC1 (p5, c0, k30, u'RC1').", ("RC1", "RC1")),
        ("1: New client connected from ::1:1 as  (p2, c1, k60, u'a').", ("", "a")),
        # The client id is whatever the client says: it cannot put another account's name into the notice.
        ("1: New client connected from 1.2.3.4:1 as X (p2, c1, k60, u'other'). (p2, c1, k60, u'mine').",
         ("X (p2, c1, k60, u'other').", "mine")),
        ("1: New client connected from 1.2.3.4:1 as a\nb (p2, c1, k60, u'mine').", ("a\nb", "mine")),
        ("1: New client connected from 1.2.3.4:1 as ü (p2, c1, k60, u'mine').", ("ü", "mine")),
    ],
)  # fmt: skip
def test_mosquitto_tells_who_connected(text: str, expected: tuple[str, str]) -> None:
    assert read(LOG, text.encode()) == Connected(*expected)


@pytest.mark.parametrize(
    "text",
    ["1: Client RC1 disconnected.", "1: Client RC1 closed its connection.",
     "1: Client RC1 has exceeded timeout, disconnecting.",
     "1: Client RC1 been disconnected by administrative action.", "1: Socket error on client RC1, disconnecting.",
     "1: Client RC1 disconnected due to protocol error."],
)  # fmt: skip
def test_mosquitto_tells_who_is_gone(text: str) -> None:
    assert read(LOG, text.encode()) == Disconnected("RC1")


@pytest.mark.parametrize(
    "text",
    ["", "1: New connection from 127.0.0.1:48673 on port 1883.",
     "1: Client RC1 already connected, closing old connection.", "1: Client RC1 disconnected, not authorised.",
     "1: mosquitto version 2.0.11 starting", "1: RC1 0 sys/product/RC1/status_reply",
     "1: New client connected from 127.0.0.1:1 as RC1 (p2, c1, k60).", "New client connected", "\0\xff"],
)  # fmt: skip
def test_other_notices_say_nothing(text: str) -> None:
    assert read(LOG, text.encode()) is None


def test_broken_text_does_not_raise() -> None:
    notice = read(LOG, b"1: New client connected from 1.2.3.4:1 as \xff\xfe (p2, c1, k60, u'mine').")
    assert isinstance(notice, Connected)
    assert notice.username == "mine"
    for payload in (b"\xff", b"{", b"[]", b'{"clientid": 7}'):
        assert read(EMQX + "connected", payload) is None


def test_emqx_tells_both() -> None:
    payload = b'{"clientid":"RC1","username":"pilot-1","ipaddress":"127.0.0.1","connected_at":1}'
    assert read(EMQX + "connected", payload) == Connected("RC1", "pilot-1")
    assert read(EMQX + "disconnected", b'{"clientid":"RC1","reason":"tcp_closed"}') == Disconnected("RC1")
    assert read(EMQX + "disconnected", b'{"clientid":"RC1","reason":"takenover"}') is None
