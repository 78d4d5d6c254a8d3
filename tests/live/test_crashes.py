"""200 docks bind while a part of the platform is killed: none is lost, and the second try of each succeeds."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.live.foreign_client import Gateway
from tests.live.tenants import Tenant, err_infos, new_sn, shell, supervised
from tests.platform import Platform
from tests.processes import wait_until

pytestmark = pytest.mark.live

DOCKS = 200
KILL_AFTER = 20
#: A killed Celery worker's tasks come back after 30 s, and it looks for them every 10 s.
ANSWER_SECONDS = 90


@pytest.fixture(scope="module")
def platform(shaken_platform: Platform) -> Platform:
    supervised(shaken_platform)
    return shaken_platform


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Tenant:
    return Tenant(platform, "Crash", docks=4)


@contextlib.contextmanager
def fleet(acme: Tenant) -> Iterator[list[Gateway]]:
    """200 connected docks."""
    docks = [Gateway(account) for account in acme.accounts(DOCKS)]
    with contextlib.ExitStack() as stack:
        for dock in docks:
            stack.enter_context(dock)
        yield docks


def with_descendants(pid: int) -> list[int]:
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    return [pid, *(descendant for child in children for descendant in with_descendants(child))]


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def kill(platform: Platform, name: str) -> None:
    """SIGKILL for the process and, at the same moment, for all that it started."""
    pids = with_descendants(platform.children[name].pid)
    if name == "celery":
        assert len(pids) >= 3, "a parent with its children"
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    platform.kill(name)


class Binding:
    """One try of one dock to bind itself and its aircraft."""

    def __init__(self, acme: Tenant, code: str, dock: Gateway, aircraft: str) -> None:
        self.dock = dock
        self.sent = dock.send(dock.requests, "airport_organization_bind", acme.bind_data(code, dock.sn, aircraft))

    @property
    def answer(self) -> Any:
        """`data` of the first answer, None as long as there is none."""
        arrived = self.dock.arrived(self.sent)
        return arrived[0].data if arrived else None

    @property
    def refusals(self) -> list[int]:
        """The non-zero codes of the answer."""
        codes = [self.answer["result"]] if self.answer["result"] else [code for _sn, code in err_infos(self.answer)]
        return [code for code in codes if code]


def answered(bindings: list[Binding]) -> int:
    return sum(binding.answer is not None for binding in list(bindings))


@pytest.mark.parametrize("part", ["mqtt_worker", "celery", "valkey"])
def test_no_binding_is_lost(part: str, acme: Tenant, platform: Platform) -> None:
    code = acme.code(docks=DOCKS)
    with fleet(acme) as docks, ThreadPoolExecutor(4) as senders:
        aircraft = {dock.sn: new_sn("AIR") for dock in docks}

        def bind(dock: Gateway) -> Binding:
            return Binding(acme, code, dock, aircraft[dock.sn])

        first: list[Binding] = []
        began = time.monotonic()
        sending = [senders.submit(lambda dock=dock: first.append(bind(dock))) for dock in docks]  # type: ignore[misc]

        wait_until(lambda: answered(first) >= KILL_AFTER, "the first docks are bound", every=0.02)
        at_kill = answered(first)
        celery = platform.children["celery"].pid
        kill(platform, part)
        for sent in sending:  # the rest is sent while the part is away
            sent.result()
        away = answered(first)
        platform.start_process(part)
        all_answered = f"all are answered after {part} was killed"
        wait_until(lambda: supervised(platform) and answered(first) == DOCKS, all_answered, ANSWER_SECONDS)
        took = time.monotonic() - began
        refused = [binding.refusals for binding in first if binding.refusals]
        bound = bound_docks(docks, acme)
        assert at_kill < DOCKS
        assert part == "celery" or platform.children["celery"].pid == celery, "it outlives the others"
        assert len(bound) + len(refused) >= DOCKS, "each ended bound, or was told that it is not"
        assert not {binding.dock.sn for binding in first if not binding.refusals} - bound

        began = time.monotonic()
        second = [bind(dock) for dock in docks]
        all_answered = "the second tries are answered"
        wait_until(lambda: supervised(platform) and answered(second) == DOCKS, all_answered, ANSWER_SECONDS)
        again = time.monotonic() - began
        assert [binding.refusals for binding in second if binding.refusals] == []
        assert bound_docks(docks, acme) == {dock.sn for dock in docks}
        copies = sum(len(dock.arrived(binding.sent)) - 1 for dock, binding in zip(docks, second, strict=True))
    print(  # noqa: T201
        f"\n{part}: {at_kill} answered when it was killed, {away} when it was started again; all {DOCKS} answered "
        f"after {took:.1f} s, {DOCKS - len(refused)} bound at first; second tries {again:.1f} s, {copies} doubled"
    )
    # Tasks that ran twice counted once: the code is used up exactly.
    with acme.dock() as one_more:
        answer = one_more.request("airport_organization_bind", acme.bind_data(code, one_more.sn))
    assert err_infos(answer) == [(one_more.sn, 210231)]
    counted = (
        f"from workspaces.models import BindCode\nprint(BindCode.objects.unscoped().get(hint={code[-4:]!r}).used_docks)"
    )
    assert shell(platform, counted) == DOCKS


def bound_docks(docks: list[Gateway], acme: Tenant) -> set[str]:
    """Those that are bound to us by their own question."""
    asked = [(dock, dock.send(dock.requests, "airport_bind_status", {"devices": [{"sn": dock.sn}]})) for dock in docks]
    rows = [dock.answers(sent, seconds=60)[0].data["output"]["bind_status"][0] for dock, sent in asked]
    return {row["sn"] for row in rows if row["organization_id"] == acme.organization_id}
