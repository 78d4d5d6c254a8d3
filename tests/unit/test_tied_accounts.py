"""Where any client id is allowed, nobody takes another gateway's twice."""

from typing import Any

import pytest

from mqtt_bridge.broker_access.amqtt_plugin import roles_of_login
from mqtt_bridge.connections import told
from mqtt_bridge.models import MqttCredential
from tests.factories import make_gateway
from workspaces.models import AuditEntry, Workspace

pytestmark = [pytest.mark.live, pytest.mark.django_db]


def test_who_comes_with_another_gateways_client_id_is_tied_to_its_own(
    ours: Workspace, theirs: Workspace, settings: Any, valkey: str
) -> None:
    settings.MQTT_BROKER, settings.MQTT_CLIENT_ID_IS_SN = "amqtt", False
    make_gateway(ours, "DOCK1")
    intruder = MqttCredential.objects.unscoped().get(gateway_sn=make_gateway(theirs, "DOCK2"))
    told([("free-choice", "DOCK2", 1)])
    assert roles_of_login("DOCK2", intruder.password, "DOCK1")
    told([("DOCK1", "DOCK2", 2), ("DOCK1", "DOCK1", 3)])
    assert roles_of_login("DOCK2", intruder.password, "DOCK1") == []
    assert roles_of_login("DOCK2", intruder.password, "DOCK2")
    [entry] = AuditEntry.objects.filter(action="gateway.impersonated")
    assert (entry.target, entry.gateway_sn, entry.organization) == ("DOCK1", "DOCK2", theirs.organization)
