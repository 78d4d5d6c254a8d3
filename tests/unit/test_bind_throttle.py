"""Lock-outs of who guesses bind codes: exact counts and times."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import timedelta

import pytest
import redis
from django.core import mail
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from cloudapi.valkey import client
from mqtt_bridge.results import ORGANIZATION_GET_FAILED
from tests.factories import Clock, bind, code_row, make_code, make_gateway, organization_get, wrong_codes
from workspaces import bind_throttle, services
from workspaces.models import AuditEntry, Role, User, Workspace

pytestmark = pytest.mark.django_db


def guess(gateway: str, workspace: Workspace, code: str = "WRONG") -> bool:
    """Ask with a code; True if it was good."""
    return organization_get(gateway, code, workspace.organization.organization_id) != {
        "result": ORGANIZATION_GET_FAILED
    }


def one_try(gateway_sn: str, workspace: Workspace) -> AbstractContextManager[None]:
    return bind_throttle.one_try(gateway_sn=gateway_sn, organization=workspace.organization, now=timezone.now())


def guess_from_many(workspace: Workspace, guesses: int, clock: Clock, *, over: timedelta = timedelta()) -> None:
    """Wrong codes from many gateways, none of which reaches its own limit."""
    for number in range(guesses):
        if number:
            clock.forward(seconds=over.total_seconds() / (guesses - 1))
        workspace.organization.refresh_from_db()
        with suppress(bind_throttle.WrongCode, bind_throttle.Locked), one_try(f"GUESSER{number // 4}", workspace):
            raise bind_throttle.WrongCode


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
    assert wrong_codes() == 1
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
    assert wrong_codes() == 50


def test_ending_the_lock_starts_the_count_anew(ours: Workspace, clock: Clock) -> None:
    gateway, code = make_gateway(ours), make_code(ours)
    for _try in range(5):
        guess(gateway, ours)
    guess_from_many(ours, 45, clock)
    assert not guess(make_gateway(ours), ours, code)
    services.clear_binding_lock(organization=ours.organization)
    assert guess(make_gateway(ours), ours, code)
    assert guess(gateway, ours, code)
    ours.organization.refresh_from_db()
    guess_from_many(ours, 49, clock)
    assert guess(make_gateway(ours), ours, code)


def test_an_emptied_valkey_does_not_unlock_the_organization(ours: Workspace, clock: Clock) -> None:
    guess_from_many(ours, 50, clock)
    client().flushall()
    assert not guess(make_gateway(ours), ours, make_code(ours))


# --- tries under way --------------------------------------------------------------------------------------------------
def test_tries_under_way_count_and_right_codes_and_failures_are_given_back(ours: Workspace, clock: Clock) -> None:
    for _round in range(20):
        with one_try("DOCK", ours):
            pass
        with pytest.raises(OperationalError), one_try("DOCK", ours):
            raise OperationalError
    with ExitStack() as under_way:
        for _try in range(5):
            under_way.enter_context(one_try("DOCK", ours))
        with pytest.raises(bind_throttle.Locked), one_try("DOCK", ours):
            pytest.fail("a sixth code was looked at")
    with one_try("DOCK", ours):
        pass
    assert wrong_codes() == 0


def test_many_right_codes_under_way_do_not_lock_the_organization(ours: Workspace, clock: Clock) -> None:
    with ExitStack() as under_way:
        for number in range(48):
            under_way.enter_context(one_try(f"DOCK{number}", ours))
        guess_from_many(ours, 2, clock)
        with pytest.raises(bind_throttle.Locked), one_try("LATE", ours):
            pytest.fail("a 51st code was looked at")
    assert guess(make_gateway(ours), ours, make_code(ours))
    assert not AuditEntry.objects.filter(action="organization.binding_locked").exists()


def test_without_valkey_no_code_is_looked_at(ours: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, code, gone = make_gateway(ours), make_code(ours), redis.Redis(port=1)
    monkeypatch.setattr(bind_throttle, "client", lambda: gone)
    with pytest.raises(redis.RedisError):
        bind(gateway, code, ours.organization)
    assert code_row(code).used_docks == 0


#: Runs in a process of its own: 25 threads try at once, and say how many of them could look at a code.
GUESSERS = """
import sys, threading
import django
django.setup()
from django.utils import timezone
from workspaces import bind_throttle
from workspaces.models import Organization
process, gateways = int(sys.argv[1]), int(sys.argv[2])
looked, all_are_here = [], threading.Barrier(25)
bind_throttle._record = bind_throttle._count_wrong  # the tables are not what is tried here
def try_one(number):
    gateway = f"GUESSER{(process * 25 + number) % gateways}"
    all_are_here.wait()
    try:
        with bind_throttle.one_try(gateway_sn=gateway, organization=Organization(pk=1), now=timezone.now()):
            looked.append(gateway)
            raise bind_throttle.WrongCode
    except (bind_throttle.WrongCode, bind_throttle.Locked):
        pass
threads = [threading.Thread(target=try_one, args=(number,)) for number in range(25)]
print("ready", flush=True)
sys.stdin.readline()
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(looked))
"""


@pytest.mark.parametrize(("gateways", "limit"), [(1, 5), (40, 50)])
def test_many_processes_at_once_look_at_no_more_codes_than_the_limits_allow(
    valkey: str, gateways: int, limit: int
) -> None:
    guessers = [
        subprocess.Popen(
            [sys.executable, "-c", GUESSERS, str(number), str(gateways)],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "cloudapi.settings"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    try:
        for guesser in guessers:
            assert guesser.stdout is not None
            assert guesser.stdout.readline() == "ready\n"
        for guesser in guessers:
            assert guesser.stdin is not None
            guesser.stdin.write("go\n")
            guesser.stdin.flush()
        assert sum(int(guesser.communicate(timeout=60)[0]) for guesser in guessers) == limit
    finally:
        for guesser in guessers:
            guesser.kill()
