"""Topics: what is an uplink of a device and what is not."""

import pytest

from mqtt_bridge import topics
from mqtt_bridge.registry import RUNS
from mqtt_bridge.topics import Topic


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("sys/product/DOCK0001/status", Topic("status", "DOCK0001")),
        ("thing/product/DOCK0001/status", Topic("status", "DOCK0001")),
        ("thing/product/DOCK0001/requests", Topic("requests", "DOCK0001")),
        ("thing/product/DOCK0001/events", Topic("events", "DOCK0001")),
        ("thing/product/DOCK0001/services_reply", Topic("services_reply", "DOCK0001")),
        ("thing/product/DOCK0001/property/set_reply", Topic("property_set_reply", "DOCK0001")),
        ("thing/product/1581F5BKD225D00BP001/osd", Topic("osd", "1581F5BKD225D00BP001")),
        ("thing/product/a.b:c_d-e/state", Topic("state", "a.b:c_d-e")),
        (f"thing/product/{'S' * 64}/osd", Topic("osd", "S" * 64)),
    ],
)
def test_uplink_topics_are_understood(topic: str, expected: Topic) -> None:
    assert topics.parse(topic) == expected


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "thing",
        "thing/product/DOCK0001",
        "thing/product/DOCK0001/",
        "thing/product//osd",
        "/thing/product/DOCK0001/osd",
        "thing/product/DOCK0001/osd/",
        "thing/product/DOCK0001/osd/more",
        "thing/product/DOCK0001/property_set_reply",
        "thing/product/DOCK0001/requests_reply",
        "thing/product/DOCK0001/services",
        "thing/product/DOCK0001/OSD",
        "sys/product/DOCK0001/requests",
        "sys/product/DOCK0001/osd",
        "thing/products/DOCK0001/osd",
        f"thing/product/{'S' * 65}/osd",
        f"thing/product/{'S' * 500}/osd",
        "thing/product/DOCK 1/osd",
        "thing/product/DOCK'1/osd",
        'thing/product/DOCK"1/osd',
        "thing/product/DOCK/1/osd",
        "thing/product/DOCK1\n/osd",
        "thing/product/DOCK1\0/osd",
        "thing/product/+/osd",
        "thing/product/#",
        "thing/product/<b>/osd",
        "thing/product/飞机/osd",
        "thing/product/\ud800/osd",
        "$SYS/broker/log/N",
    ],
)
def test_other_topics_are_none_of_ours(topic: str) -> None:
    assert topics.parse(topic) is None


def test_every_kind_has_a_place_where_it_runs_and_tasks_have_a_reply_topic() -> None:
    for kind, runs in RUNS.items():
        if runs == "task":
            assert topics.reply(kind, "DOCK0001").endswith("_reply")
    assert topics.reply("status", "DOCK0001") == "sys/product/DOCK0001/status_reply"
    assert topics.reply("requests", "DOCK0001") == "thing/product/DOCK0001/requests_reply"


def test_a_kind_that_is_never_answered_has_no_reply_topic() -> None:
    with pytest.raises(KeyError):
        topics.reply("osd", "DOCK0001")


def test_every_kind_is_subscribed_to_by_wildcard() -> None:
    filters = topics.REQUEST_FILTERS + topics.TELEMETRY_FILTERS
    parsed = {parsed.kind for text in filters if (parsed := topics.parse(text.replace("+", "SN")))}
    assert parsed == set(RUNS)
    assert all("/+/" in text for text in filters)
