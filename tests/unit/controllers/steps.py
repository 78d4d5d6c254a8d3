"""What a pilot's page and controller do, one step each. Nothing is pushed to a broker here."""

from tests.factories import send
from tests.unit.dji import Answer, ask

RC, AIR = "RC0001", "AIR0001"


def name_controller(token: str, sn: str = RC) -> Answer:
    return ask("POST", "/users/current/mqtt", {"gateway_sn": sn}, token=token)


def bind(token: str, sn: str = RC) -> Answer:
    body = {"device_sn": "OTHER", "user_id": "x", "workspace_id": "y", "domain": 2}
    return ask("POST", f"/devices/{sn}/binding", body, token=token)


def report(sn: str = RC, *aircraft: str) -> int:
    subs = [{"sn": each, "domain": "0", "type": 77, "sub_type": 0, "index": "A"} for each in aircraft]
    data = {"domain": "2", "type": 144, "sub_type": 0, "sub_devices": subs}
    return int(send(sn, "update_topo", data, kind="status")["result"])


def unnamed(token: str) -> tuple[str, str]:
    data = ask("GET", "/users/current", token=token).data
    return data["mqtt_username"], data["mqtt_password"]
