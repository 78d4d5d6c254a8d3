"""The table of attacks: what each attacker tried, what the same probe does for who may, and what stopped the attack."""

from collections.abc import Iterator

import pytest


class Attack:
    """One row. A test that ends without a control and an outcome fails: an attack may not fail vacuously."""

    rows: list[tuple[str, str]] = []

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
    attack = Attack(name_of(item))
    yield attack
    report = getattr(item, "attack_report", None)
    if report is None or report.outcome == "skipped":  # skipped or an expected failure: said by pytest
        return
    if report.failed:
        Attack.rows.append((attack.name, "NOT STOPPED"))
        return
    assert attack.has_control, "this attack has no control: say what the same probe does for who may"
    assert attack.outcome, "this attack says no outcome"
    Attack.rows.append((attack.name, attack.outcome))
