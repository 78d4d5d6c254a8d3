"""Topics: what a gateway of one organization can say and hear of another's, at both brokers.

Publishing is judged by a subscription of the server's account to everything, subscribing by what arrives. A broker
drops in silence, so each attack is followed by a message that is allowed, on the same connection: when that one has
arrived, the attack would have, too.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.attacks.brokers import Site
from tests.attacks.mqtt_probe import Probe, marker
from tests.attacks.table import Attack

pytestmark = pytest.mark.live

#: {v} and {va} are the victim's dock and aircraft, {o} and {oa} the attacker's own.
UPLINKS = ("osd", "state", "events", "requests", "services_reply", "property/set_reply", "drc/up")
DOWNLINKS = ("services", "requests_reply", "property/set", "drc/down", "events_reply", "state_reply")
AIRCRAFT_UPLINKS = ("osd", "state", "events")


class Publish(NamedTuple):
    """`by` publishes the same with success: the control."""

    topic: str
    by: str


PUBLISHED = [
    Publish("sys/product/{v}/status", "victim"),
    *(Publish(f"thing/product/{{v}}/{kind}", "victim") for kind in UPLINKS),
    *(Publish(f"thing/product/{{va}}/{kind}", "victim") for kind in AIRCRAFT_UPLINKS),
    *(Publish(f"thing/product/{{v}}/{kind}", "server") for kind in DOWNLINKS),
    Publish("sys/product/{v}/status_reply", "server"),
    Publish("thing/product/{va}/state_reply", "server"),
    Publish("thing/product/{va}/services", "server"),
    Publish("thing/product/{oa}/requests", "server"),
    Publish("thing/product/{oa}/services_reply", "server"),
    Publish("sys/product/{oa}/status", "server"),
    Publish("thing/product/{o}/services", "server"),
    Publish("thing/product/NOBODYS1/osd", "server"),
    Publish("/thing/product/{v}/osd", "server"),
    Publish("thing/product/{v}/osd/", "server"),
    Publish("thing/product/{o}/../{v}/osd", "server"),
    Publish("thing/product/{o}/osd/{v}", "server"),
    Publish("THING/product/{v}/osd", "server"),
    Publish("elsewhere", "server"),
]  # fmt: skip


class Subscribe(NamedTuple):
    """A filter, and a topic with a message that it would bring."""

    topic_filter: str
    topic: str


SECRET_REPLY = "thing/product/{v}/requests_reply"  # carries the application's licence
HEARD = [
    Subscribe("#", SECRET_REPLY),
    Subscribe("+/#", SECRET_REPLY),
    Subscribe("+/+/+/+", SECRET_REPLY),
    Subscribe("thing/#", SECRET_REPLY),
    Subscribe("thing/product/+/requests_reply", SECRET_REPLY),
    Subscribe("thing/product/+/services", "thing/product/{v}/services"),
    Subscribe("+/product/{v}/services", "thing/product/{v}/services"),
    Subscribe("thing/product/{v}/#", SECRET_REPLY),
    Subscribe("thing/product/{v}/requests", "thing/product/{v}/requests"),
    Subscribe("thing/product/{v}/osd", "thing/product/{v}/osd"),
    Subscribe("thing/product/{va}/osd", "thing/product/{va}/osd"),
    Subscribe("thing/product/{va}/state_reply", "thing/product/{va}/state_reply"),
    Subscribe("thing/product/+/events_reply", "thing/product/{va}/events_reply"),
    Subscribe("sys/product/+/status_reply", "sys/product/{v}/status_reply"),
    Subscribe("sys/product/{v}/status", "sys/product/{v}/status"),
    Subscribe("$share/group/" + SECRET_REPLY, SECRET_REPLY),
    Subscribe("$share/group/#", SECRET_REPLY),
    Subscribe("$share/thing/product/{v}/#", "product/{v}/x"),
]  # fmt: skip


@pytest.fixture(scope="module")
def listening(site: Site) -> Iterator[Probe]:
    """The server's account, which hears everything."""
    with Probe(site.port, site.server, client_id="cloudapi-attacks") as server:
        assert server.subscribe("#") == [True]
        yield server


@pytest.fixture(scope="module")
def victim(site: Site) -> Iterator[Probe]:
    with Probe(site.port, site.victim) as connected:
        assert connected.answer == "Success"
        yield connected


@pytest.fixture
def attacker(site: Site) -> Iterator[Probe]:
    with Probe(site.port, site.attacker) as connected:
        assert connected.answer == "Success"
        yield connected


def named(text: str, site: Site) -> str:
    names = {"v": site.victim.sn, "va": site.victim_aircraft, "o": site.attacker.sn, "oa": site.attacker_aircraft}
    return text.format(**names)


def _rows(rows: list[Any]) -> list[Any]:
    return [pytest.param(row, id=row[0]) for row in rows]


@pytest.mark.parametrize("row", _rows(PUBLISHED))
def test_publish(site: Site, row: Publish, listening: Probe, victim: Probe, attacker: Probe, attack: Attack) -> None:
    topic, said, own = named(row.topic, site), marker(), marker()
    stayed = attacker.publish(topic, said)
    if stayed:
        attacker.publish(f"sys/product/{site.attacker.sn}/status", own)
        listening.wait_for(own)
    assert listening.heard(said) == []
    again = marker()
    (victim if row.by == "victim" else listening).publish(topic, again)
    attack.control(listening.wait_for(again) == topic, f"the {row.by} publishes it")
    attack.stopped("dropped by the broker" if stayed else "the broker ended the connection")


@pytest.mark.parametrize("kind", [*AIRCRAFT_UPLINKS, "services_reply", "property/set_reply", "drc/up"])
def test_publish_before_binding(site: Site, kind: str, listening: Probe, victim: Probe, attack: Attack) -> None:
    """Until it is bound a gateway may ask and say its topology, nothing else."""
    said, own = marker(), marker()
    with Probe(site.port, site.free) as unbound:
        unbound.publish(f"thing/product/{site.free.sn}/{kind}", said)
        unbound.publish(f"thing/product/{site.free.sn}/requests", own)
        listening.wait_for(own)
    assert listening.heard(said) == []
    bound = marker()
    victim.publish(f"thing/product/{site.victim.sn}/{kind}", bound)
    attack.control(listening.wait_for(bound), "a bound dock publishes it")
    attack.stopped("dropped by the broker")


@pytest.mark.parametrize("row", _rows(HEARD))
def test_subscribe(site: Site, row: Subscribe, listening: Probe, attacker: Probe, attack: Attack) -> None:
    own = f"thing/product/{site.attacker.sn}/services"
    assert attacker.subscribe(own) == [True]
    [granted] = attacker.subscribe(named(row.topic_filter, site))
    said, fence = marker(), marker()
    listening.publish(named(row.topic, site), said)
    attack.control(listening.wait_for(said), "the server hears it")
    if attacker.is_connected:
        listening.publish(own, fence)
        attacker.wait_for(fence)
    assert attacker.heard(said) == []
    attack.stopped("granted, and nothing delivered" if granted else "subscription refused")
