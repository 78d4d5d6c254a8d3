"""The demo tenant's docks and controllers, from the object that `manage.py demo --json` prints."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoGateway:
    sn: str
    model_key: str
    host: str
    port: int
    username: str
    password: str = field(repr=False)
    organization_id: str
    bind_code: str = field(repr=False)


def read(path: Path, domain: str) -> DemoGateway:
    """The first gateway of this domain ("3" docks, "2" controllers). Raises ValueError with a sentence."""
    try:
        demo: dict[str, Any] = json.loads(path.read_text())
        found = next((each for each in demo["gateways"] if each["model_key"].startswith(f"{domain}-")), None)
        if found is None:
            raise ValueError(f"{path} has no gateway of domain {domain}.")
        return DemoGateway(
            sn=found["sn"],
            model_key=found["model_key"],
            host=demo["mqtt_host"],
            port=int(demo["mqtt_port"]),
            username=found["mqtt_username"],
            password=found["mqtt_password"],
            organization_id=demo["organization_id"],
            bind_code=demo["bind_code"],
        )
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: the first `make run` writes it.") from None
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not what `manage.py demo` wrote ({type(error).__name__}: {error}).") from None


@dataclass(frozen=True, slots=True)
class DemoPilot:
    url: str
    username: str
    password: str = field(repr=False)


def read_pilot(path: Path) -> DemoPilot:
    """The demo's user who is a pilot. Raises ValueError with a sentence."""
    try:
        demo: dict[str, Any] = json.loads(path.read_text())
        [user] = [user for user in demo["users"] if user["role"] == "pilot"]
        return DemoPilot(demo["http_url"], user["username"], user["password"])
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: the first `make run` writes it.") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not what `manage.py demo` wrote ({type(error).__name__}: {error}).") from None


def aircraft_sn(gateway_sn: str) -> str:
    """An aircraft of its own for every gateway, the same on every start, shaped like DJI's serial numbers."""
    return "1581F" + hashlib.sha256(gateway_sn.encode()).hexdigest()[:15].upper()
