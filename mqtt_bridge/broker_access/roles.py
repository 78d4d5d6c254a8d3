"""Who may publish and receive what: the topic rules, independent of the broker that enforces them and of our tables."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

Right = Literal["publish", "receive", "subscribe"]


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of topic filters for each right. A subscription is allowed when one of `subscribe` covers it.

    early: what may also be subscribed to where the broker checks each delivery by `receive` (Mosquitto and amqtt do,
    EMQX does not). Devices subscribe to the replies for a new sub-device at once, perhaps before it is known to be
    theirs, and do not try again.
    """

    name: str
    publish: tuple[str, ...] = ()
    receive: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    early: tuple[str, ...] = ()

    def filters(self, right: Right) -> tuple[str, ...]:
        return {"publish": self.publish, "receive": self.receive, "subscribe": self.subscribe}[right]


_EVERYTHING = ("#", "$SYS/#", "$CONTROL/#")

#: The server itself: mqtt_worker, replies, and the changes that `dynsec` makes.
SERVER = Role("server", publish=_EVERYTHING, receive=_EVERYTHING, subscribe=_EVERYTHING)

#: Names of the roles that belong to one gateway start so. It also marks an account as one of ours.
GATEWAY_ROLE_PREFIX = "gateway:"

_TELEMETRY = ("osd", "state", "events")
#: What a gateway says while nobody owns it: that it is there, what is behind it, and that it wants to be bound.
_BEFORE_BINDING = ("status", "requests")
_BOUND = (*_BEFORE_BINDING, *_TELEMETRY, "services_reply", "property/set_reply", "drc/up")
_ANSWERS_BEFORE_BINDING = ("requests_reply",)
_DOWNLINKS = (*_ANSWERS_BEFORE_BINDING, "state_reply", "events_reply", "services", "property/set", "drc/down")
_SUB_DEVICE_REPLIES = ("state_reply", "events_reply")


def gateway_role(gateway_sn: str, *, username: str, bound: bool, sub_devices: Collection[str] = ()) -> Role:
    """The rights of a gateway's account. Protocol: "Topic Definition".

    bound: whether a workspace of the account's organization owns the gateway. sub_devices: SNs that the stored topology
    puts behind it; they are heard on its connection under their own SN (device facts, T7), and only while it is bound.

    Everything is spelled out: Mosquitto 2.0.11 replaces no `%u` in dynamic security. A gateway subscribes when it
    connects, often before it is bound and with a trailing wildcard, so it may subscribe to all of its own topics; what
    it receives of them are only its downlinks.
    """
    own, system = f"thing/product/{gateway_sn}", f"sys/product/{gateway_sn}"
    behind = sorted(sub_devices) if bound else []
    replies = tuple(f"thing/product/{sn}/{kind}" for sn in behind for kind in _SUB_DEVICE_REPLIES)
    return Role(
        f"{GATEWAY_ROLE_PREFIX}{username}",
        publish=(
            f"{system}/status",
            *(f"{own}/{kind}" for kind in (_BOUND if bound else _BEFORE_BINDING)),
            *(f"thing/product/{sn}/{kind}" for sn in behind for kind in _TELEMETRY),
        ),
        receive=(
            f"{system}/status_reply",
            *(f"{own}/{kind}" for kind in (_DOWNLINKS if bound else _ANSWERS_BEFORE_BINDING)),
            *replies,
        ),
        subscribe=(f"{system}/#", f"{own}/#", *replies),
        early=tuple(f"thing/product/+/{kind}" for kind in _SUB_DEVICE_REPLIES),
    )


def no_rights(username: str) -> Role:
    """For an account that may connect and nothing else."""
    return Role(f"{GATEWAY_ROLE_PREFIX}{username}")


def allows_early(roles: Iterable[Role], topic_filter: str) -> bool:
    """Whether a subscription is allowed by `early` where it is not by `subscribe`."""
    return any(covers(early, topic_filter) for role in roles for early in role.early)


def allows(roles: Iterable[Role], right: Right, topic: str) -> bool:
    """Whether one of the roles gives the right to a topic, or to a topic filter when the right is "subscribe"."""
    return any(covers(topic_filter, topic) for role in roles for topic_filter in role.filters(right))


def covers(topic_filter: str, other: str) -> bool:
    """True if everything that `other` (a topic or a filter) matches is matched by `topic_filter`."""
    allowed, asked = topic_filter.split("/"), other.split("/")
    if asked[0].startswith("$") and allowed[0] in {"#", "+"}:
        return False  # wildcards do not reach into $SYS and $CONTROL, MQTT 3.1.1 section 4.7.2
    for position, level in enumerate(allowed):
        if level == "#":
            return True
        if position >= len(asked) or asked[position] == "#" or level not in {"+", asked[position]}:
            return False
    return len(allowed) == len(asked)
