"""Who may publish and receive what: the topic rules, independent of the broker that enforces them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mqtt_bridge.models import MqttCredential, UnpinnedCredential

Right = Literal["publish", "receive", "subscribe"]


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of topic filters for each right. A subscription is allowed when one of `subscribe` covers it."""

    name: str
    publish: tuple[str, ...]
    receive: tuple[str, ...]
    subscribe: tuple[str, ...]

    def filters(self, right: Right) -> tuple[str, ...]:
        return {"publish": self.publish, "receive": self.receive, "subscribe": self.subscribe}[right]


_EVERYTHING = ("#", "$SYS/#", "$CONTROL/#")

#: The server itself: mqtt_worker, replies, and the changes that `dynsec` makes.
SERVER = Role("server", publish=_EVERYTHING, receive=_EVERYTHING, subscribe=_EVERYTHING)

#: A gateway's connection also carries the messages of its aircraft, under the aircraft's SN (device facts, T7).
SUB_DEVICES = Role(
    "sub-devices",
    publish=("thing/product/+/osd", "thing/product/+/state", "thing/product/+/events"),
    receive=("thing/product/+/state_reply", "thing/product/+/events_reply"),
    subscribe=("thing/product/+/state_reply", "thing/product/+/events_reply"),
)

#: Names of the roles that belong to one gateway start so. It also marks an account as one of ours.
GATEWAY_ROLE_PREFIX = "gateway:"


#: An account of the broker that is ours to make and to end.
Account = MqttCredential | UnpinnedCredential


def accounts() -> list[Account]:
    """All accounts that the broker should have, beside the server's own."""
    return [
        *MqttCredential.objects.unscoped().order_by("username"),
        *UnpinnedCredential.objects.unscoped().order_by("username"),
    ]


def gateway_role(gateway_sn: str, *, username: str) -> Role:
    """A gateway's own topics, spelled out: Mosquitto 2.0.11 replaces no `%u` in dynamic security.

    Protocol: "Topic Definition". A gateway may subscribe with a trailing wildcard, and still gets only its downlinks.
    """
    own, system = f"thing/product/{gateway_sn}", f"sys/product/{gateway_sn}"
    return Role(
        f"{GATEWAY_ROLE_PREFIX}{username}",
        publish=(
            f"{system}/status",
            f"{own}/status",
            f"{own}/osd",
            f"{own}/state",
            f"{own}/events",
            f"{own}/requests",
            f"{own}/services_reply",
            f"{own}/property/set_reply",
            f"{own}/drc/up",
        ),
        receive=(
            f"{system}/status_reply",
            f"{own}/state_reply",
            f"{own}/events_reply",
            f"{own}/requests_reply",
            f"{own}/services",
            f"{own}/property/set",
            f"{own}/drc/down",
        ),
        subscribe=(f"{system}/#", f"{own}/#"),
    )


def roles_for(account: Account) -> list[Role]:
    """The roles of a gateway's account. One whose gateway is not known yet may connect, and nothing else."""
    if isinstance(account, UnpinnedCredential):
        return [Role(f"{GATEWAY_ROLE_PREFIX}{account.username}", publish=(), receive=(), subscribe=())]
    return [gateway_role(account.gateway_sn, username=account.username), SUB_DEVICES]


def required_client_id(account: Account) -> str:
    """The only client id with which the account may connect; "" for any.

    A pilot's account must not displace another gateway's session by taking its client id. Accounts that administrators
    issue are for devices of which some may choose another one (T10).
    """
    return account.gateway_sn if isinstance(account, MqttCredential) and account.pilot_id is not None else ""


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
