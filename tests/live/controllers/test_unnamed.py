"""Broker accounts that name no controller: pinned by the first connection, on Mosquitto and amqtt."""

import time
from collections.abc import Iterator

import pytest

from tests.live.controllers.client import Connect, name_controller, token_of, unnamed
from tests.live.dji_http import ask, log_in
from tests.live.tenants import Tenant, new_sn, shell
from tests.platform import Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live
#: From the first connection to the answer to a topology, for an account that names no controller.
WORKS_WITHIN = 8.0


def test_an_unnamed_account_works_soon_on_mosquitto(
    acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect
) -> None:
    sn, user = new_sn("RC"), next(pilots)
    token = token_of(acme, user)
    account = unnamed(acme, token)
    controller = connect(account, sn)
    took = controller.wait_up()
    print(f"\nanswered {took:.2f} s after the first connection: {controller.events}")  # noqa: T201
    assert took < WORKS_WITHIN
    assert controller.events == ["Success", "lost", "Success"], "its session is ended once"
    assert ask(acme.platform, "POST", f"/devices/{sn}/binding", {}, token=token).data == ""
    assert unnamed(acme, token)["mqtt_username"] == account["mqtt_username"]
    # From now on it has one name.
    assert connect(account, sn, client_id="OTHER").events[0] == "Not authorized"
    assert ask(acme.platform, "POST", "/logout", {}, token=token).data == ""
    wait_until(lambda: "Not authorized" in controller.events, "the account has ended")


def test_an_unnamed_account_may_nothing_before(
    acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect
) -> None:
    """The worker is away, so nobody pins it."""
    platform, sn = acme.platform, new_sn("RC")
    account = unnamed(acme, token_of(acme, next(pilots)))
    platform.children["mqtt_worker"].stop()
    try:
        controller = connect(account, sn)
        time.sleep(1.0)  # for what must not happen
        assert (controller.events, controller.replies) == (["Success"], [])
    finally:
        platform.start_process("mqtt_worker")
    # Its connection was announced while nobody listened, so it counts when it comes again.
    controller.client.reconnect()
    controller.wait_up()


def test_a_foreign_client_id_ends_the_account(
    acme: Tenant, other: Tenant, pilots: Iterator[dict[str, str]], connect: Connect
) -> None:
    sn = new_sn("RC")
    victim = connect(name_controller(acme, token_of(acme, next(pilots)), sn).data, sn)
    victim.wait_up()
    victim.replies.clear()
    intruder = connect(unnamed(other, log_in(other, "pilot")["access_token"]), sn)
    wait_until(lambda: "Not authorized" in intruder.events, "the intruder's account has ended")
    assert intruder.replies == []
    # The broker itself gives a client id to whoever connects last; the gateway comes back by itself.
    began = time.monotonic()
    victim.wait_up()
    print(f"\n{victim.events}; back {time.monotonic() - began:.1f} s after the intruder was out")  # noqa: T201
    [audited] = shell(
        acme.platform,
        f"""
from workspaces.models import AuditEntry
import json
refused = AuditEntry.objects.filter(action="controller.refused", target="{sn}")
print(json.dumps([row.detail["reason"] for row in refused]))
""",
    )
    assert "another organization" in audited


def test_an_unnamed_account_works_at_once_on_amqtt(platform_on_amqtt: Platform, connect: Connect) -> None:
    tenant, sn = Tenant(platform_on_amqtt, "Acme", users=True), new_sn("RC")
    token = log_in(tenant, "pilot")["access_token"]
    account = unnamed(tenant, token)
    controller = connect(account, sn)
    assert controller.wait_up() < WORKS_WITHIN
    assert controller.events == ["Success"]
    assert ask(platform_on_amqtt, "POST", f"/devices/{sn}/binding", {}, token=token).data == ""
    assert connect(account, "OTHER").events[0] == "Not authorized"
    stranger = Tenant(platform_on_amqtt, "Other", users=True)
    assert connect(unnamed(stranger, log_in(stranger, "pilot")["access_token"]), sn).events[0] == "Not authorized"
    again = name_controller(tenant, token, sn).data
    controller.close()
    assert connect(account, sn).events[0] == "Not authorized"
    connect(again, sn).wait_up()
