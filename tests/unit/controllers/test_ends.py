"""How a controller's account ends: by the exit, with the pilot, and when the broker is away."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from mqtt_bridge import account_endings, broker_access
from mqtt_bridge.broker_access.amqtt_plugin import roles_of_login
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from tests.factories import make_gateway
from tests.unit.controllers.steps import bind, name_controller, report, unnamed
from tests.unit.dji import ask, member, token, token_of
from workspaces.models import AuditEntry, Membership, Role, User, Workspace

pytestmark = pytest.mark.django_db


def test_an_exit_ends_what_this_log_in_was_given(ours: Workspace) -> None:
    user = member(ours, Role.PILOT)
    here, there = token_of(user, ours), token_of(user, ours)
    name_controller(here)
    other = name_controller(there, "RC0002").data
    waiting = ask("GET", "/users/current", token=token_of(user, ours)).data
    refreshed = ask("POST", "/token/refresh", {}, token=here).data["access_token"]
    assert ask("POST", "/logout", token=refreshed).data == ""
    assert [row.gateway_sn for row in MqttCredential.objects.unscoped()] == ["RC0002"]
    assert ask("GET", "/users/current", token=here).status == 401
    assert ask("GET", "/users/current", token=there).data
    assert roles_of_login(other["mqtt_username"], other["mqtt_password"], "RC0002")
    assert UnpinnedCredential.objects.unscoped().get().username == waiting["mqtt_username"]


def test_an_exit_after_a_new_log_in_over_a_live_link(ours: Workspace) -> None:
    """The page opened again: the link is up, so it binds and asks for no account."""
    user = member(ours, Role.PILOT)
    first = token_of(user, ours)
    name_controller(first)
    report()
    assert bind(first).data == ""
    second = token_of(user, ours)
    assert bind(second).data == ""
    assert ask("POST", "/logout", token=second).data == ""
    assert not MqttCredential.objects.unscoped().exists()


@pytest.mark.parametrize(
    "leave",
    [lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
     lambda user: Membership.objects.filter(user=user).delete(),
     lambda user: Membership.objects.filter(user=user).update(role=Role.VIEWER),
     lambda user: User.objects.filter(pk=user.pk).update(password=make_password("another-long-one"))],
    ids=["deactivated", "removed", "other role", "another password"],
)  # fmt: skip
def test_former_pilots_accounts_end(ours: Workspace, leave: Callable[[User], object]) -> None:
    user = member(ours, Role.PILOT)
    name_controller(token_of(user, ours))
    ask("GET", "/users/current", token=token_of(user, ours))
    kept = {name_controller(token(ours, Role.PILOT), "RC0002").data["mqtt_username"], make_gateway(ours, "DOCK1")}
    account_endings.end_former_pilots()
    assert MqttCredential.objects.unscoped().count() == 3
    leave(user)
    account_endings.end_former_pilots()
    assert {row.username for row in MqttCredential.objects.unscoped()} == kept
    assert not UnpinnedCredential.objects.unscoped().exists()


def test_unused_accounts_end_after_days(ours: Workspace) -> None:
    old, new = unnamed(token(ours, Role.PILOT)), unnamed(token(ours, Role.PILOT))
    UnpinnedCredential.objects.filter(username=old[0]).update(created_at=timezone.now() - timedelta(days=4))
    account_endings.prune()
    assert UnpinnedCredential.objects.unscoped().get().username == new[0]


def test_when_the_broker_does_not_answer(ours: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MQTT_BROKER = "dynsec"  # nothing listens there
    given = token(ours, Role.PILOT)
    answer = name_controller(given)
    assert answer.refused
    assert "broker does not answer" in answer.message
    assert unnamed(given) == ("", "")
    # What was not told to the broker was not made, and counts for nothing.
    assert not MqttCredential.objects.unscoped().exists()
    assert not AuditEntry.objects.filter(action="controller.new").exists()
    settings.MQTT_BROKER = "amqtt"
    name_controller(given)
    settings.MQTT_BROKER = "dynsec"
    queued: list[Any] = []
    monkeypatch.setattr("mqtt_bridge.tasks.remove_accounts.delay", queued.append)
    assert ask("POST", "/logout", token=given).data == ""
    assert not MqttCredential.objects.unscoped().exists()
    assert len(queued) == 1


def test_who_cannot_get_a_new_account_keeps_the_one_that_works(
    ours: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker goes away between two steps: what the tables still have must not be gone there."""
    given = token(ours, Role.PILOT)
    name_controller(given)
    removed: list[str] = []

    def refuse(_accounts: object) -> NoReturn:
        raise broker_access.BrokerUnreachable("gone")

    monkeypatch.setattr(broker_access, "remove", removed.extend)
    monkeypatch.setattr(broker_access, "put", refuse)
    assert name_controller(given).refused
    assert MqttCredential.objects.unscoped().exists()
    assert removed == []
