"""One platform for all attacks, with a victim and an attacker; and the table of outcomes at the end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.attacks.brokers import Site, amqtt_site, mosquitto_site
from tests.attacks.people import People
from tests.attacks.scene import Scene
from tests.attacks.table import NOT_STOPPED, Attack, follow, rows
from tests.platform import Platform


@pytest.fixture(scope="session")
def attacked(make_platform: Callable[..., Platform]) -> Platform:
    """Behind a proxy, which the tests play: each attacker has an address of their own, so that one who is throttled
    does not throttle the next."""
    return make_platform(BEHIND_PROXY="1")


@pytest.fixture(scope="session")
def scene(attacked: Platform) -> Iterator[Scene]:
    with Scene(attacked) as made:
        yield made


@pytest.fixture(scope="session")
def people(scene: Scene) -> People:
    return People(scene)


@pytest.fixture(scope="session", params=["Mosquitto", "amqtt"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Each broker in turn. amqtt needs no platform of its own: who may publish what is decided by its plugin."""
    if request.param == "Mosquitto":
        yield mosquitto_site(request.getfixturevalue("scene"))
        return
    attacked: Platform = request.getfixturevalue("attacked")
    with amqtt_site(tmp_path_factory.mktemp("amqtt"), attacked.redis_url) as made:
        yield made


@pytest.fixture
def attack(request: pytest.FixtureRequest) -> Iterator[Attack]:
    yield from follow(request.node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if call.when == "call":
        item.attack_report = report  # type: ignore[attr-defined]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Before pytest's own summary: the last lines of a long log are to say what failed."""
    table = rows(report for reports in terminalreporter.stats.values() for report in reports)
    if not table:
        return
    terminalreporter.section("attacks")
    for name, outcome in table:
        terminalreporter.line(f"{name:<95} {outcome}")
    stopped = sum(outcome != NOT_STOPPED for _name, outcome in table)
    terminalreporter.line(f"{len(table)} attacks, {stopped} stopped")
