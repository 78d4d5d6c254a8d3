"""Lock-outs of who guesses bind codes: exact counts and times."""

from datetime import timedelta

import pytest
from django.core import mail
from pytest_django import DjangoCaptureOnCommitCallbacks

from mqtt_bridge.results import ORGANIZATION_GET_FAILED
from tests.factories import Clock, bind, code_row, make_code, make_gateway, organization_get
from workspaces import bind_throttle, services
from workspaces.models import AuditEntry, BindAttempt, Role, User, Workspace

pytestmark = pytest.mark.django_db


def guess(gateway: str, workspace: Workspace, code: str = "WRONG") -> bool:
    """Ask with a code; True if it was good."""
    return organization_get(gateway, code, workspace.organization.organization_id) != {
        "result": ORGANIZATION_GET_FAILED
    }


def guess_from_many(workspace: Workspace, guesses: int, clock: Clock, *, over: timedelta = timedelta()) -> None:
    """Wrong codes from many gateways, none of which reaches its own limit."""
    for number in range(guesses):
        if number:
            clock.forward(seconds=over.total_seconds() / (guesses - 1))
        bind_throttle.record_wrong_code(
            gateway_sn=f"GUESSER{number // 4}", organization=workspace.organization, now=clock.now
        )


def test_four_wrong_codes_lock_nobody_out_and_the_fifth_does(ours: Workspace, clock: Clock) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(4):
        assert not guess(gateway, ours)
    assert guess(gateway, ours, code)
    assert not guess(gateway, ours)
    assert not guess(gateway, ours, code)


def test_codes_are_counted_in_both_methods_together(ours: Workspace, clock: Clock) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(2):
        guess(gateway, ours)
    for _try in range(3):
        bind(gateway, "WRONG", ours.organization)
    assert not guess(gateway, ours, code)


def test_a_lock_out_ends_15_minutes_after_the_fifth_and_is_not_prolonged(ours: Workspace, clock: Clock) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(5):
        guess(gateway, ours)
    clock.forward(minutes=14, seconds=59)
    assert not guess(gateway, ours)
    assert not guess(gateway, ours, code)
    clock.forward(seconds=1)
    assert guess(gateway, ours, code)


def test_after_a_lock_out_it_takes_five_more(ours: Workspace, clock: Clock) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(5):
        guess(gateway, ours)
        clock.forward(minutes=3)
    clock.forward(minutes=12)
    for _try in range(4):
        guess(gateway, ours)
        assert guess(gateway, ours, code)
    guess(gateway, ours)
    assert not guess(gateway, ours, code)


@pytest.mark.parametrize(("seconds_apart", "locked"), [(224, True), (225, False), (600, False)])
def test_five_count_only_within_15_minutes(ours: Workspace, clock: Clock, seconds_apart: int, locked: bool) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(5):
        clock.forward(seconds=seconds_apart)
        guess(gateway, ours)
    assert guess(gateway, ours, code) is not locked


def test_another_gateway_of_the_organization_is_not_locked_out(ours: Workspace, clock: Clock) -> None:
    gateway, other, code = make_gateway(ours), make_gateway(ours), make_code(ours)
    for _try in range(5):
        guess(gateway, ours)
    assert guess(other, ours, code)


def test_a_repeated_message_is_counted_once(ours: Workspace, clock: Clock) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(10):
        answer = organization_get(gateway, "WRONG", ours.organization.organization_id, tid="t", bid="b")
        assert answer == {"result": ORGANIZATION_GET_FAILED}
    assert BindAttempt.objects.count() == 1
    assert guess(gateway, ours, code)


@pytest.mark.parametrize(("guesses", "locked"), [(49, False), (50, True)])
def test_fifty_in_an_hour_lock_the_organization(ours: Workspace, clock: Clock, guesses: int, locked: bool) -> None:
    guess_from_many(ours, guesses, clock, over=timedelta(minutes=59))
    assert guess(make_gateway(ours), ours, make_code(ours)) is not locked


def test_fifty_in_more_than_an_hour_do_not(ours: Workspace, clock: Clock) -> None:
    guess_from_many(ours, 50, clock, over=timedelta(minutes=60))
    assert guess(make_gateway(ours), ours, make_code(ours))


def test_the_organizations_lock_lasts_an_hour_and_leaves_others_alone(
    ours: Workspace, theirs: Workspace, clock: Clock
) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    guess_from_many(ours, 50, clock)
    assert guess(make_gateway(theirs), theirs, make_code(theirs))
    clock.forward(minutes=59, seconds=59)
    assert bind(gateway, code, ours.organization)[gateway] != 0
    assert not guess(gateway, ours)
    clock.forward(seconds=1)
    assert bind(gateway, code, ours.organization)[gateway] == 0
    assert code_row(code).used_docks == 1


def test_admins_are_told_once_and_the_trail_knows(
    ours: Workspace, clock: Clock, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    for role in Role:
        member = services.create_member(workspace=ours, role=role)
        User.objects.filter(username=member.username).update(email=f"{role.value}@alpine.example")
    with django_capture_on_commit_callbacks(execute=True):
        guess_from_many(ours, 55, clock)
    assert [sent.to for sent in mail.outbox] == [["admin@alpine.example"]]
    assert AuditEntry.objects.filter(action="organization.binding_locked").count() == 1
    assert AuditEntry.objects.filter(action="bind_code.wrong").count() == 55


def test_ending_the_lock_starts_the_count_anew(ours: Workspace, clock: Clock) -> None:
    guess_from_many(ours, 50, clock)
    services.clear_binding_lock(organization=ours.organization)
    assert guess(make_gateway(ours), ours, make_code(ours))
    assert not BindAttempt.objects.exists()


def test_pruning_forgets_only_what_no_rule_looks_at(ours: Workspace, clock: Clock) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(5):
        guess(gateway, ours)
    bind_throttle.prune(clock.now)
    assert not guess(gateway, ours, code)
    bind_throttle.prune(clock.forward(hours=2, seconds=1))
    assert not BindAttempt.objects.exists()
