"""Notices of Mosquitto 2.0.11, also about clients whose ids read like a notice."""

import pytest

from mqtt_bridge import notices
from mqtt_bridge.notices import Connected, Disconnected

TOPIC = "$SYS/broker/log/N"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("New client connected from 10.0.0.9:4711 as DOCK (p2, c1, k60, u'dock').", Connected("DOCK", "dock")),
        ("Client DOCK closed its connection.", Disconnected("DOCK")),
        ("Client DOCK has exceeded timeout, disconnecting.", Disconnected("DOCK")),
        ("Client DOCK been disconnected by administrative action.", Disconnected("DOCK")),
        ("Client DOCK already connected, closing old connection.", None),
        ("Client DOCK disconnected: x already connected, closing old connection.", None),
        ("Client DOCK closed its connection. closed its connection.", Disconnected("DOCK closed its connection.")),
        ("Client DOCK disconnected: x closed its connection.", Disconnected("DOCK disconnected: x")),
        (
            "New client connected from ::1:1 as DOCK (p2, c1, k60, u'dock'). (p2, c1, k60, u'other').",
            Connected("DOCK (p2, c1, k60, u'dock').", "other"),
        ),
    ],
)
def test_what_is_meant(said: str, meant: Connected | Disconnected | None) -> None:
    assert notices.read(TOPIC, f"1795262809: {said}".encode()) == meant
    assert notices.read(TOPIC, said.encode()) == meant
