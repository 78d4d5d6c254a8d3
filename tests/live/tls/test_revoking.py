"""The end of a client certificate: the session, the account, and what the broker knows of it."""

import pytest

from cloudapi.platform import probes
from mqtt_bridge.device_ca import ending
from tests.live.tls.broker import NOTHING, OTHER, OWN, REFUSED, SERVER, SERVER_PASSWORD, Broker, issued, password_of
from tests.processes import wait_until

pytestmark = pytest.mark.live


def test_revoking_ends_the_live_session_and_the_certificate(broker: Broker) -> None:
    files, serial = broker.issue(OWN)
    dock, neighbour = broker.with_certificate(files), issued(broker, OTHER)
    ended = ending.revoke(ending.named(serial))
    assert ended == (True, "")
    assert dock.ended.wait(10)
    wait_until(lambda: not broker.with_certificate(files).is_connected, "the broker has read the revocation list", 10)
    assert neighbour.is_connected
    assert broker.rights(issued(broker, OTHER)) == f"rights of {OTHER}"
    refused = broker.connect(broker.plain, username=OWN, password="")
    assert not refused.is_connected


def test_a_revoked_certificate_can_do_nothing_even_if_the_broker_reads_no_list(broker: Broker) -> None:
    (broker.child.log.parent / "mosquitto" / "mosquitto.pid").unlink()
    files, serial = broker.issue(OWN)
    dock = broker.with_certificate(files)
    ended = ending.revoke(ending.named(serial))
    assert ended == (False, "")
    assert dock.ended.wait(10)
    assert broker.rights(broker.with_certificate(files)) == NOTHING
    broker.child.stop()
    broker.child.start()
    wait_until(lambda: probes.broker("127.0.0.1", broker.plain, SERVER, SERVER_PASSWORD), "Mosquitto answers")
    assert broker.rights(broker.with_certificate(files)) == REFUSED


def test_a_renewed_gateway_goes_on_with_its_new_certificate(broker: Broker) -> None:
    (old, serial), (new, _serial) = broker.issue(OWN), broker.issue(OWN)
    before, dock = password_of(OWN), broker.with_certificate(old)
    assert ending.revoke(ending.named(serial), keep_account=True) == (True, "")
    assert dock.ended.wait(10)
    wait_until(lambda: not broker.with_certificate(old).is_connected, "the broker has read the revocation list", 10)
    assert broker.rights(broker.with_certificate(new)) == f"rights of {OWN}"
    assert not broker.connect(broker.tls, broker.context(), username=OWN, password=before).is_connected
