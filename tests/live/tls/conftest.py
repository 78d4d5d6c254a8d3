"""A broker with two gateways' accounts and our device CA."""

import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from cloudapi.platform import ports, probes, servers
from mqtt_bridge import credentials
from mqtt_bridge.broker_access import dynsec_file
from tests.certificates import make
from tests.live.tls.broker import OTHER, OWN, SERVER, SERVER_PASSWORD, Broker
from tests.processes import Child, wait_until
from workspaces import services


@pytest.fixture
def broker(
    mosquitto: servers.Mosquitto, db: None, tmp_path: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    public_ca = make("A public CA", ca=True)
    own = make("localhost", public_ca, server=True).write(tmp_path, "broker")
    settings.DATA_DIR = tmp_path
    settings.DEVICE_CA_DIR = settings.DEVICE_CA_PUBLIC_DIR = tmp_path / "device_ca"
    settings.MQTT_BROKER, settings.MQTT_HOST, settings.MQTT_PORT = "dynsec", "127.0.0.1", ports.free()
    settings.MQTT_TLS_PORT, settings.MQTT_CLIENT_AUTH_PORT = ports.free(), ports.free()
    settings.MQTT_TLS_CERT, settings.MQTT_TLS_KEY = own
    settings.MQTT_USERNAME, settings.MQTT_PASSWORD = SERVER, SERVER_PASSWORD
    credentials.issue(sns=[OWN, OTHER], workspace=services.create_organization(name="Alpine"), model_key="3-2-0")
    directory = tmp_path / "mosquitto"
    part = servers.mosquitto(mosquitto, f"{settings.MQTT_PORT} 127.0.0.1", directory)
    dynsec_file.write(directory / servers.DYNSEC_FILE)
    tls = str(directory / servers.TLS_FILE)
    call_command("broker_tls", "--write", tls, "--address", "127.0.0.1", stdout=StringIO())
    child = Child(part.argv, tmp_path / "mosquitto.log", env=dict(os.environ))
    made = Broker(
        tmp_path_factory.mktemp("certificates"), settings.MQTT_PORT, settings.MQTT_TLS_PORT,
        settings.MQTT_CLIENT_AUTH_PORT, child, public_ca, public_ca.write(tmp_path, "public-ca").certificate,
    )  # fmt: skip
    child.start()
    try:
        wait_until(lambda: probes.broker("127.0.0.1", made.plain, SERVER, SERVER_PASSWORD), "Mosquitto answers")
        yield made
    finally:
        for client in made.clients:
            client.close()
        child.stop()
