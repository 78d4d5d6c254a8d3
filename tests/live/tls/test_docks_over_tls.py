"""Simulated docks bind over TLS, by password and by certificate, on a whole platform."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cloudapi.platform import ports
from tests.certificates import make
from tests.platform import Platform

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def tls_platform(
    make_platform: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Platform, str]:
    """A platform with TLS, and the file of the CA that its broker's certificate is from."""
    directory = tmp_path_factory.mktemp("tls")
    public_ca = make("A public CA", ca=True)
    certificate, key = make("localhost", public_ca, server=True).write(directory, "broker")
    made = make_platform(
        MQTT_TLS_CERT=certificate, MQTT_TLS_KEY=key, MQTT_TLS_PORT=str(ports.free()),
        MQTT_CLIENT_AUTH_PORT=str(ports.free()),
    )  # fmt: skip
    return made, public_ca.write(directory, "public-ca").certificate


@pytest.mark.parametrize("by", ["password", "certificate"])
def test_a_dock_binds_over_tls(tls_platform: tuple[Platform, str], tmp_path: Path, by: str) -> None:
    platform, trusted = tls_platform
    sn = f"TLS-DOCK-{by.upper()}"
    made = platform.manage("create_organization", f"TLS {by}")
    workspace = ("--workspace", made["workspace_id"])
    [gateway] = platform.manage("add_gateway", sn, "--model", "3-2-0", *workspace)["gateways"]
    assert gateway["gateway_address"] == f"ssl://127.0.0.1:{platform.env['MQTT_TLS_PORT']}"
    code = platform.manage("issue_bind_code", *workspace)["bind_code"]
    arguments = [
        "simulate", "dock", "--sn", sn, "--host", "localhost", "--tls", "--tls-ca", trusted,
        "--organization-id", made["organization_id"], "--bind-code", code, "--duration", "8",
    ]  # fmt: skip
    if by == "password":
        arguments += ["--port", platform.env["MQTT_TLS_PORT"], "--username", sn, "--password", gateway["mqtt_password"]]
    else:
        issued_ = platform.manage("device_ca", "issue", sn, "--out", str(tmp_path))
        assert issued_["gateway_address"] == f"ssl://127.0.0.1:{platform.env['MQTT_CLIENT_AUTH_PORT']}"
        arguments += ["--port", platform.env["MQTT_CLIENT_AUTH_PORT"]]
        arguments += ["--tls-cert", issued_["certificate"], "--tls-key", issued_["key"]]
    said = platform.run(*arguments)
    assert platform.manage("device", sn)["bound"], said
    if by == "certificate":
        assert platform.manage("device_ca", "revoke", sn)["broker_reloaded"]
