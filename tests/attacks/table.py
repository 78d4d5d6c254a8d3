"""The table of attacks: what each attacker tried, what the same probe does for who may, and what stopped the attack."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

ROW = "attack"
NOT_STOPPED = "NOT STOPPED"


class Attack:
    """One row. A test that ends without a control and an outcome fails: an attack may not fail vacuously."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_control = False
        self.outcome = ""

    def control(self, seen: object, what: str) -> None:
        """The probe works: the same thing succeeds for who may do it, and is seen where the attack would be."""
        assert seen, f"the control failed, so the attack proves nothing: {what}"
        self.has_control = True

    def stopped(self, outcome: str) -> None:
        """The attack did not succeed; says what the attacker got and how we know."""
        self.outcome = outcome


def name_of(item: pytest.Item) -> str:
    """`subject: attack`, from the test's own name."""
    subject = item.path.stem.removeprefix("test_").replace("_", " ")
    test, _bracket, row = item.name.removeprefix("test_").partition("[")
    return f"{subject}: {test.replace('_', ' ')} {row.removesuffix(']')}".rstrip()


def follow(item: pytest.Item) -> Iterator[Attack]:
    """The row travels with the test's report, which may come from another process."""
    attack = Attack(name_of(item))
    yield attack
    report = getattr(item, "attack_report", None)
    if report is None or report.outcome == "skipped":  # skipped or an expected failure: said by pytest
        return
    if report.failed:
        item.user_properties.append((ROW, [attack.name, NOT_STOPPED]))
        return
    assert attack.has_control, "this attack has no control: say what the same probe does for who may"
    assert attack.outcome, "this attack says no outcome"
    item.user_properties.append((ROW, [attack.name, attack.outcome]))


def rows(reports: Iterable[object]) -> list[tuple[str, str]]:
    """Name and outcome of each attack, from the reports of all tests."""
    at_the_end = [report for report in reports if isinstance(report, pytest.TestReport) and report.when == "teardown"]
    found: list[Any] = [value for report in at_the_end for name, value in report.user_properties if name == ROW]
    return sorted((str(name), str(stopped_by)) for name, stopped_by in found)
