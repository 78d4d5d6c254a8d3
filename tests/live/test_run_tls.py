"""`make run` with a certificate for the broker: TLS for everybody else, the plain port for itself."""

import json
import ssl
import sys
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloudapi.platform import ports
from tests.certificates import make
from tests.live.test_run import Run, data_dir, make_run
from tests.processes import wait_until

__all__ = ["data_dir", "make_run"]
pytestmark = [pytest.mark.live, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


def enters(port: int, context: ssl.SSLContext) -> bool:
    """Whether the broker takes a client with this certificate."""
    answers: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "any", protocol=mqtt.MQTTv311, reconnect_on_failure=False)
    client.tls_set_context(context)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.append(not reason.is_failure)
    client.on_disconnect = lambda *_arguments: answers.append(False)
    client.connect("localhost", port)
    client.loop_start()
    wait_until(lambda: bool(answers), "the broker answers", 10)
    client.disconnect()
    client.loop_stop()
    return answers[0]


def test_tls_and_client_certificates(make_run: type[Run], data_dir: Path, tmp_path: Path) -> None:
    public_ca = make("A public CA", ca=True)
    certificate, key = make("localhost", public_ca, server=True).write(tmp_path, "broker")
    tls, client_auth = ports.free(), ports.free()
    run = make_run(
        data_dir, MQTT_TLS_CERT=certificate, MQTT_TLS_KEY=key, MQTT_TLS_PORT=str(tls),
        MQTT_CLIENT_AUTH_PORT=str(client_auth), DEVICE_CA_PASSPHRASE="open sesame",
    )  # fmt: skip
    run.wait_ready()
    assert any(f"ssl://127.0.0.1:{tls}" in line and f"ssl://127.0.0.1:{client_auth}" in line for line in run.out)
    # The simulated dock of the demo is in by the plain port, and others are told the one with TLS.
    dock = json.loads(run.manage("demo", "--json"))["gateways"][0]["sn"]
    wait_until(lambda: json.loads(run.manage("device", dock, "--json"))["online"], "the demo's dock is online", 60)

    workspace = json.loads(run.manage("create_organization", "TLS", "--json"))["workspace_id"]
    added = run.manage("add_gateway", "DOCK-1", "--model", "3-2-0", "--workspace", workspace, "--json")
    assert json.loads(added)["gateways"][0]["gateway_address"] == f"ssl://127.0.0.1:{tls}"
    sesame = {"DEVICE_CA_PASSPHRASE": "open sesame"}
    issued = json.loads(run.manage("device_ca", "issue", "DOCK-1", "--out", str(tmp_path), "--json", **sesame))
    context = ssl.create_default_context(cafile=public_ca.write(tmp_path, "public-ca").certificate)
    context.load_cert_chain(issued["certificate"], issued["key"])
    assert enters(client_auth, context)
    assert json.loads(run.manage("device_ca", "revoke", "DOCK-1", "--json", **sesame))["broker_reloaded"]
    wait_until(lambda: not enters(client_auth, context), "the broker has read the revocation list", 10)
