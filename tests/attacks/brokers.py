"""The two brokers that the topic attacks run against: Mosquitto with the whole platform, and amqtt."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cloudapi.platform import BASE_DIR, ports, probes, processes
from tests.attacks.mqtt_probe import Account
from tests.attacks.scene import Scene
from tests.live.tenants import new_sn
from tests.processes import Child, wait_until


class Site(NamedTuple):
    """A broker, and who is who there. `free` is the attacker's second gateway, which is not bound."""

    kind: str
    port: int
    server: Account
    victim: Account
    victim_aircraft: str
    attacker: Account
    attacker_aircraft: str
    free: Account


def mosquitto_site(scene: Scene) -> Site:
    return Site(
        "Mosquitto", scene.platform.mqtt_port, Account.of(scene.server), Account.of(scene.a.away),
        scene.a.away_aircraft, Account.of(scene.b.away), scene.b.away_aircraft, Account.of(scene.b.free),
    )  # fmt: skip


# Two organizations with a bound dock and its aircraft each, and one more dock of the second that is not bound.
_PREPARE = """
import json
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from devices import bind_claims, binding, heard, topology
from devices.topology import Product, SubDevice, Topology
from mqtt_bridge import credentials
from workspaces import services
def party(name, dock, aircraft, *more):
    workspace = services.create_organization(name=name)
    issued = credentials.issue(sns=[dock, *more], workspace=workspace, model_key="3-2-0")
    expires_at = timezone.now() + timedelta(hours=1)
    code = services.issue_bind_code(workspace=workspace, expires_at=expires_at).code
    organization = workspace.organization
    claim = bind_claims.Claim(dock, organization, code, organization.organization_id)
    with transaction.atomic():
        binding.bind(claim, [binding.Candidate(dock)])
    subs = [SubDevice(aircraft, Product(0, 91, 1), "A")]
    topology.apply(Topology(dock, Product(3, 2, 0), subs, None, heard.now_ms()), organization_pk=organization.pk)
    return [[one.username, one.password, one.gateway_sn] for one in issued]
"""


@contextmanager
def amqtt_site(directory: Path, redis_url: str) -> Iterator[Site]:
    """`manage.py amqtt_broker` with its own database, and the Valkey of another platform for what it announces."""
    server = Account("server", "server-of-the-attacks", "cloudapi-attacks")
    port = ports.free()
    env = {
        **os.environ, "DATA_DIR": str(directory), "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3",
        "REDIS_URL": redis_url, "MQTT_BROKER": "amqtt", "MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(port),
        "MQTT_USERNAME": server.username, "MQTT_PASSWORD": server.password,
    }  # fmt: skip
    dock_a, air_a, dock_b, air_b, free = (new_sn(kind) for kind in ("DOCK", "AIR", "DOCK", "AIR", "DOCK"))
    made = f"print(json.dumps([party('A', {dock_a!r}, {air_a!r}), party('B', {dock_b!r}, {air_b!r}, {free!r})]))"
    for arguments in (("migrate", "--no-input", "-v", "0"), ("shell", "-v", "0", "-c", f"{_PREPARE}\n{made}")):
        done = subprocess.run(
            processes.manage(*arguments), env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    victims, attackers = json.loads(done.stdout.strip().splitlines()[-1])
    child = Child(processes.manage("amqtt_broker"), directory / "amqtt.log", env=env)
    child.start()
    try:
        wait_until(lambda: probes.broker("127.0.0.1", port, server.username, server.password), "amqtt answers")
        yield Site(
            "amqtt", port, server, Account(*victims[0]), air_a, Account(*attackers[0]), air_b, Account(*attackers[1])
        )
    finally:
        child.stop()
