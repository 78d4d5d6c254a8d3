"""Makes the rows of a fleet in the platform of the environment and prints what a load generator needs, as JSON.

`python -m bench.rows --devices 5000 --gateways 500 --workspaces 10`
"""

import argparse
import json
import os

import django


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, required=True)
    parser.add_argument("--gateways", type=int, required=True, help="of the devices; each carries its aircraft")
    parser.add_argument("--workspaces", type=int, default=10)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudapi.settings")
    django.setup()
    print(json.dumps(make(options.devices, options.gateways, options.workspaces)))


def make(devices: int, gateways: int, workspaces: int) -> dict[str, object]:
    """The gateways are docks, the rest aircraft behind them in turn; workspaces get whole docks in turn."""
    from devices.models import Device
    from mqtt_bridge.models import MqttCredential
    from workspaces import services, tokens
    from workspaces.models import ClientKind, Role, User

    owners = [services.create_organization(name=f"Bench {number}") for number in range(workspaces)]
    docks = Device.objects.bulk_create(
        Device(
            sn=f"BENCHDOCK{number:05}", workspace=owners[number % workspaces], domain=3, type=2, sub_type=0,
            online=True, offline_reason="",
        )
        for number in range(gateways)
    )  # fmt: skip
    Device.objects.bulk_create(
        Device(
            sn=f"BENCHPLANE{number:05}", workspace=docks[number % gateways].workspace, domain=0, type=91, sub_type=1,
            gateway=docks[number % gateways], online=True, offline_reason="",
        )
        for number in range(devices - gateways)
    )  # fmt: skip
    accounts = MqttCredential.objects.bulk_create(
        MqttCredential(username=dock.sn, gateway_sn=dock.sn, workspace=dock.workspace) for dock in docks
    )
    watched = []
    for workspace in owners:
        member = services.create_member(workspace=workspace, role=Role.OPERATOR)
        user = User.objects.get(username=member.username)
        token = tokens.issue(user=user, workspace=workspace, client=ClientKind.WEB)
        watched.append({"workspace_id": str(workspace.workspace_id), "token": token})
    behind: dict[str, list[str]] = {dock.sn: [dock.sn] for dock in docks}
    for number in range(devices - gateways):
        behind[docks[number % gateways].sn].append(f"BENCHPLANE{number:05}")
    return {
        "gateways": [{"sn": a.username, "password": a.password, "devices": behind[a.username]} for a in accounts],
        "workspaces": watched,
    }


if __name__ == "__main__":
    main()
