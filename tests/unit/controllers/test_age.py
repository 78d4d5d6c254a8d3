"""How a controller's account ends when nobody logs out: by the age of its log-in, after a grace."""

from typing import Any

import pytest

from mqtt_bridge import account_endings, credentials
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from tests.factories import Clock, make_gateway
from tests.unit.controllers.steps import RC, bind, name_controller, report, unnamed
from tests.unit.dji import ask, member, token, token_of
from workspaces import tokens
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db
GRACE = tokens.GRACE.total_seconds()


@pytest.fixture(autouse=True)
def _a_day(settings: Any) -> None:
    settings.TOKEN_HOURS = 24


def left(*, pruned: bool = False) -> set[str]:
    """The accounts of gateways that are left by what runs every few seconds, and by what runs every hour."""
    if pruned:
        tokens.prune()
    account_endings.end_former_pilots()
    return set(MqttCredential.objects.unscoped().values_list("gateway_sn", flat=True))


@pytest.mark.parametrize("pruned", [False, True], ids=["token still known", "token pruned"])
def test_it_ends_a_day_after_the_last_token(ours: Workspace, clock: Clock, pruned: bool) -> None:
    make_gateway(ours, "DOCK1")
    name_controller(token(ours, Role.PILOT))
    clock.forward(hours=24, seconds=GRACE - 1)
    assert left(pruned=pruned) == {RC, "DOCK1"}
    clock.forward(seconds=1)
    assert left(pruned=pruned) == {"DOCK1"}


def test_a_log_in_that_goes_on_keeps_it(ours: Workspace, clock: Clock) -> None:
    given = token(ours, Role.PILOT)
    name_controller(given)
    for _ in range(5):
        clock.forward(hours=23)
        assert left(pruned=True) == {RC}
        given = ask("POST", "/token/refresh", {}, token=given).data["access_token"]
    clock.forward(hours=24, seconds=GRACE)
    assert left() == set()


def test_another_log_in_of_the_pilot_keeps_only_its_own(ours: Workspace, clock: Clock) -> None:
    user = member(ours, Role.PILOT)
    name_controller(token_of(user, ours))
    clock.forward(seconds=GRACE)
    name_controller(token_of(user, ours), "RC0002")
    clock.forward(hours=24)
    assert left() == {"RC0002"}


def test_a_new_log_in_over_the_live_link_takes_it_along(ours: Workspace, clock: Clock) -> None:
    user = member(ours, Role.PILOT)
    first = token_of(user, ours)
    name_controller(first)
    report()
    assert bind(first).data == ""
    clock.forward(hours=25)
    assert bind(first).status == 401
    assert bind(token_of(user, ours)).data == ""
    clock.forward(seconds=GRACE)
    assert left(pruned=True) == {RC}


def test_it_ends_before_its_controller_is_known(ours: Workspace, clock: Clock) -> None:
    unnamed(token(ours, Role.PILOT))
    clock.forward(hours=24, seconds=GRACE - 1)
    left(pruned=True)
    assert UnpinnedCredential.objects.unscoped().exists()
    clock.forward(seconds=1)
    left()
    assert not UnpinnedCredential.objects.unscoped().exists()


def test_one_that_an_admin_issues_has_no_log_in_to_end_with(ours: Workspace, clock: Clock) -> None:
    given = token(ours, Role.PILOT)
    name_controller(given)
    [issued] = credentials.issue(sns=[RC], workspace=ours, model_key="2-144-0")
    assert unnamed(given)[1] != issued.password, "the pilot's page does not hear the new password"
    clock.forward(hours=24, seconds=GRACE)
    assert left() == {RC}


@pytest.mark.parametrize("accounts", [0, 5])
def test_looking_for_the_ended_takes_few_queries(
    ours: Workspace, accounts: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(accounts):
        name_controller(token(ours, Role.PILOT), f"RC{number}")
    with django_assert_max_num_queries(4):
        account_endings.end_former_pilots()


def test_an_exit_after_the_token_has_expired(ours: Workspace, clock: Clock) -> None:
    user = member(ours, Role.PILOT)
    given, elsewhere = token_of(user, ours), token_of(user, ours)
    name_controller(given)
    name_controller(elsewhere, "RC0002")
    clock.forward(hours=25)
    assert ask("POST", "/logout", {}, token=given).data == ""
    assert set(MqttCredential.objects.unscoped().values_list("gateway_sn", flat=True)) == {"RC0002"}
    assert ask("POST", "/logout", {}, token=given).status == 401, "it has logged out already"
