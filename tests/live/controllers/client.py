"""Pilot's MQTT client on a controller, and what its page asks the platform for."""

import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.live.dji_http import Answer, ask, log_in_as
from tests.live.tenants import Tenant
from tests.processes import wait_until


class Controller:
    """Pilot's MQTT client: client id = SN, comes back by itself, sends its topology on every connection."""

    def __init__(self, account: dict[str, str], sn: str, *, client_id: str | None = None) -> None:
        self.sn = sn
        self.events: list[str] = []
        self.replies: list[dict[str, Any]] = []
        self.began = time.monotonic()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=sn if client_id is None else client_id)
        self.client.username_pw_set(account["mqtt_username"], account["mqtt_password"])
        self.client.reconnect_delay_set(1, 2)
        self.client.on_connect = self._connected
        self.client.on_disconnect = lambda *_arguments: self.events.append("lost")
        self.client.on_message = lambda _client, _data, message: self.replies.append(json.loads(message.payload))
        found = re.fullmatch(r"tcp://([^:]+):(\d+)", account["mqtt_addr"])
        assert found, account
        self.client.connect(found[1], int(found[2]), keepalive=30)
        self.client.loop_start()
        wait_until(lambda: bool(self.events), "the broker answers")

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.events.append(str(reason))
        if not reason.is_failure:
            client.subscribe(f"sys/product/{self.sn}/status_reply", qos=1)
            self.report()

    def report(self) -> None:
        data = {"domain": "2", "type": 144, "sub_type": 0, "sub_devices": []}
        ids = {"tid": str(uuid.uuid4()), "bid": str(uuid.uuid4()), "timestamp": time.time_ns() // 1_000_000}
        self.client.publish(
            f"sys/product/{self.sn}/status", json.dumps({**ids, "method": "update_topo", "data": data}), qos=1
        )

    @property
    def is_up(self) -> bool:
        return bool(self.replies) and self.client.is_connected()

    def wait_up(self) -> float:
        """Until a topology was answered with 0; how long that took."""
        wait_until(lambda: self.is_up, f"an answer to the topology of {self.sn}; {self.events}", 20, every=0.02)
        assert self.replies[-1]["data"] == {"result": 0}
        return time.monotonic() - self.began

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


Connect = Callable[..., Controller]


def token_of(tenant: Tenant, user: dict[str, str]) -> str:
    return str(log_in_as(tenant.platform, user, 2)["access_token"])


def name_controller(tenant: Tenant, token: str, sn: str) -> Answer:
    return ask(tenant.platform, "POST", "/users/current/mqtt", {"gateway_sn": sn}, token=token)


def unnamed(tenant: Tenant, token: str) -> dict[str, str]:
    account: dict[str, str] = ask(tenant.platform, "GET", "/users/current", token=token).data
    return account
