"""Topics of the Cloud API: the only place that knows how they are spelled.

Protocol: "Topic Definition". `sys/product/{gateway_sn}/status` carries topology, `thing/product/{sn}/…` the rest. The
RC pages of the documents print `thing/product/{gateway_sn}/status`; both are accepted, the answer is the same.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from devices.sn import is_sn

Kind = Literal["status", "requests", "events", "services_reply", "property_set_reply", "osd", "state"]

#: What the worker subscribes to. Wildcards only: a restart must not lose devices that are already connected. Requests
#: and topology travel in their own MQTT session, so that they never queue behind telemetry.
REQUEST_FILTERS = (
    "sys/product/+/status",
    "thing/product/+/status",
    "thing/product/+/requests",
    "thing/product/+/events",
)
TELEMETRY_FILTERS = (
    "thing/product/+/osd",
    "thing/product/+/state",
    "thing/product/+/services_reply",
    "thing/product/+/property/set_reply",
)


def shared(filters: Iterable[str], group: str) -> tuple[str, ...]:
    """The filters as a shared subscription: of all workers that name the group, one gets each message."""
    return tuple(f"$share/{group}/{topic_filter}" for topic_filter in filters) if group else tuple(filters)


_KINDS: dict[str, Kind] = {
    "status": "status",
    "requests": "requests",
    "events": "events",
    "services_reply": "services_reply",
    "property/set_reply": "property_set_reply",
    "osd": "osd",
    "state": "state",
}
_REPLIES: dict[Kind, str] = {
    "status": "sys/product/{sn}/status_reply",
    "requests": "thing/product/{sn}/requests_reply",
    "events": "thing/product/{sn}/events_reply",
    "state": "thing/product/{sn}/state_reply",
}


class Topic(NamedTuple):
    kind: Kind
    sn: str


@lru_cache(maxsize=65_536)
def parse(topic: str) -> Topic | None:
    """The kind and SN of an uplink topic; None for any other topic and for segments that are no SN."""
    parts = topic.split("/", 3)
    if len(parts) != 4 or parts[1] != "product" or not is_sn(parts[2]):
        return None
    root, _product, sn, rest = parts
    kind = _KINDS.get(rest)
    if kind is None or not (root == "thing" or (root == "sys" and kind == "status")):
        return None
    return Topic(kind, sn)


def reply(kind: Kind, sn: str) -> str:
    """The topic of the answer to an uplink message. Raises KeyError for kinds that have no answer."""
    return _REPLIES[kind].format(sn=sn)
