"""Broker accounts of controllers that the page names: made, replaced, taken over, ended."""

from collections.abc import Iterator

import pytest

from tests.live.controllers.client import Connect, name_controller, token_of
from tests.live.dji_http import ask, log_in
from tests.live.tenants import Tenant, new_sn, shell
from tests.platform import HOST
from tests.processes import wait_until

pytestmark = pytest.mark.live


def test_one_account_for_a_controller(acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect) -> None:
    platform, sn = acme.platform, new_sn("RC")
    user, colleague = next(pilots), next(pilots)
    token = token_of(acme, user)
    first_account = name_controller(acme, token, sn).data
    first = connect(first_account, sn)
    first.wait_up()
    assert ask(platform, "POST", f"/devices/{sn}/binding", {}, token=token).data == ""
    shown = ask(platform, "GET", f"/devices/null/devices/{sn}", token=token).data
    assert (shown["status"], shown["bound_status"]) == (True, True)
    # Nobody connects with it under another name, so it cannot take another gateway's place.
    assert connect(first_account, sn, client_id="OTHER").events[0] == "Not authorized"
    assert first.client.is_connected()

    again = name_controller(acme, token_of(acme, user), sn).data
    wait_until(lambda: "Not authorized" in first.events, "the old account is out")
    second = connect(again, sn)
    second.wait_up()

    taken = name_controller(acme, token_of(acme, colleague), sn).data
    wait_until(lambda: "Not authorized" in second.events, "the first pilot is out")
    third = connect(taken, sn)
    third.wait_up()

    # The first pilot's exit ends what is the first pilot's.
    assert ask(platform, "POST", "/logout", {}, token=token).data == ""
    third.replies.clear()
    third.report()
    third.wait_up()
    assert "lost" not in third.events


def test_an_exit_ends_the_session(acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect) -> None:
    sn, user = new_sn("RC"), next(pilots)
    token = token_of(acme, user)
    controller = connect(name_controller(acme, token, sn).data, sn)
    controller.wait_up()
    assert ask(acme.platform, "POST", "/logout", {}, token=token).data == ""
    wait_until(lambda: "Not authorized" in controller.events, "the account has ended")
    controller.close()
    connect(name_controller(acme, token_of(acme, user), sn).data, sn).wait_up()


def test_a_former_pilot_s_session_ends(acme: Tenant, pilots: Iterator[dict[str, str]], connect: Connect) -> None:
    """Nobody asks for it: the platform looks by itself, and ends that pilot's account alone."""
    user, colleague = next(pilots), next(pilots)
    sns = {who["username"]: new_sn("RC") for who in (user, colleague)}
    controller, other = (
        connect(name_controller(acme, token_of(acme, who), sns[who["username"]]).data, sns[who["username"]])
        for who in (user, colleague)
    )
    controller.wait_up()
    other.wait_up()
    deactivated = shell(
        acme.platform,
        f"""
from workspaces.models import User
print(User.objects.filter(username="{user["username"]}").update(is_active=False))
""",
    )
    assert deactivated == 1
    wait_until(lambda: "lost" in controller.events, "the session has ended", 10)
    wait_until(lambda: "Not authorized" in controller.events, "it does not come back")
    other.replies.clear()
    other.report()
    other.wait_up()
    assert other.events == ["Success"]


def test_what_is_foreign_is_refused_and_stays(
    acme: Tenant, other: Tenant, pilots: Iterator[dict[str, str]], connect: Connect
) -> None:
    sn = new_sn("RC")
    controller = connect(name_controller(acme, token_of(acme, next(pilots)), sn).data, sn)
    controller.wait_up()
    stranger = log_in(other, "pilot")["access_token"]
    for answer in (
        name_controller(other, stranger, sn),
        ask(other.platform, "POST", f"/devices/{sn}/binding", {}, token=stranger),
    ):
        assert (answer.status, answer.code) == (200, 210232)
        assert answer.body["message"] == f"{sn} belongs to another organization. Ask its administrators to release it."
    dock = acme.account()
    assert name_controller(acme, token_of(acme, next(pilots)), dock["sn"]).code == 210231
    assert "lost" not in controller.events
    assert connect({**dock, "mqtt_addr": f"tcp://{HOST}:{acme.platform.mqtt_port}"}, dock["sn"]).events[0] == "Success"
