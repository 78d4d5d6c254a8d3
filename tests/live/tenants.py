"""Organizations, docks and bind codes of live tests, made by the commands that the README names."""

import itertools
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tests.live.foreign_client import Gateway
from tests.platform import Platform

_numbers = itertools.count(1)
_SESSION = uuid.uuid4().hex[:6].upper()


def new_sn(kind: str) -> str:
    """A serial number that no other test of this session has."""
    return f"{kind}{_SESSION}{next(_numbers):05d}"


class Tenant:
    """One organization with its workspace.

    `docks` accounts are made at once; `account()` hands out the next one, `dock()` the same as a client to connect.
    """

    def __init__(self, platform: Platform, name: str, *, docks: int = 0, users: bool = False) -> None:
        self.platform = platform
        options = ["--with-users"] if users else []
        made = platform.manage("create_organization", f"{name} {_SESSION} {next(_numbers)}", *options)
        self.organization_id: str = made["organization_id"]
        self.organization_name: str = made["organization_name"]
        self.workspace_id: str = made["workspace_id"]
        self.users: dict[str, dict[str, str]] = {user["role"]: user for user in made["users"]}
        self._accounts = iter(self.accounts(docks) if docks else [])

    def accounts(self, number: int, model: str = "3-2-0", kind: str = "DOCK") -> list[dict[str, Any]]:
        sns = [new_sn(kind) for _ in range(number)]
        made = self.platform.manage("add_gateway", *sns, "--model", model, "--workspace", self.workspace_id)
        return list(made["gateways"])

    def account(self) -> dict[str, Any]:
        return next(self._accounts)

    def dock(self, *, mqtt5: bool = False) -> Gateway:
        return Gateway(self.account(), mqtt5=mqtt5)

    def code(self, *, docks: int = 1, hours: float = 1) -> str:
        return self.codes(docks, hours=hours)[0]

    def codes(self, *docks: int, hours: float = 1) -> list[str]:
        """Bind codes, each for so many docks."""
        workspace = ("--workspace", self.workspace_id, "--hours", str(hours))
        commands = (("issue_bind_code", *workspace, "--docks", str(number)) for number in docks)
        return [made["bind_code"] for made in manage_all(self.platform, *commands)]

    def get_data(self, code: str) -> dict[str, str]:
        """`data` of airport_organization_get."""
        return {"device_binding_code": code, "organization_id": self.organization_id}

    def bind_data(self, code: str, *sns: str, organization_id: str = "") -> dict[str, Any]:
        """`data` of airport_organization_bind for a dock (the first) and what comes with it."""
        return {
            "bind_devices": [
                {
                    "device_binding_code": code,
                    "device_callsign": f"Call {sn[-3:]}",
                    "device_model_key": "3-2-0" if position == 0 else "0-91-0",
                    "organization_id": organization_id or self.organization_id,
                    "sn": sn,
                }
                for position, sn in enumerate(sns)
            ]
        }


def server_account(platform: Platform, sn: str) -> dict[str, Any]:
    """The platform's own broker account, which may publish everything, in the form of a gateway's."""
    return {
        "sn": sn,
        "mqtt_host": platform.mqtt_host,
        "mqtt_port": platform.mqtt_port,
        "mqtt_username": platform.env["MQTT_USERNAME"],
        "mqtt_password": platform.env["MQTT_PASSWORD"],
    }


def err_infos(data: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The answer to a bind: (SN, err_code) in its order; checks everything around it."""
    assert set(data) == {"result", "output"}, data
    assert data["result"] == 0
    assert set(data["output"]) == {"err_infos"}
    rows: Sequence[Mapping[str, Any]] = data["output"]["err_infos"]
    assert all(set(row) == {"sn", "err_code"} and type(row["err_code"]) is int for row in rows), rows
    return [(row["sn"], row["err_code"]) for row in rows]


def manage_all(platform: Platform, *commands: Sequence[str]) -> list[Any]:
    """What these commands print with `--json`, from one process: most of a command's time is starting Django."""
    calls = [[*map(str, command), "--json"] for command in commands]
    code = f"from django.core.management import call_command\nfor call in {calls!r}:\n    call_command(*call)"
    return [json.loads(line) for line in platform.run("shell", "-v", "0", "-c", code).splitlines()]


def devices(platform: Platform, *sns: str) -> list[dict[str, Any]]:
    """What `manage.py device SN --json` says of each."""
    return manage_all(platform, *(["device", sn] for sn in sns))


def shell(platform: Platform, code: str) -> Any:
    """Runs Python inside the platform, for what only people can do in the admin; the last line printed is JSON."""
    return json.loads(platform.run("shell", "-v", "0", "-c", code).strip().splitlines()[-1])


def supervised(platform: Platform) -> bool:
    """Starts what has ended by itself, as `make run` and compose do: Celery sometimes ends when Valkey dies."""
    for name, child in platform.children.items():
        if not child.is_running:
            print(f"\n{name} had ended and is started again")  # noqa: T201
            child.start()
    return True
