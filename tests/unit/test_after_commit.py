"""What a transaction writes to Valkey once it is committed."""

from collections.abc import Sequence

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from cloudapi.valkey import after_commit_together

pytestmark = pytest.mark.django_db


class Told:
    """Remembers what each call told."""

    def __init__(self) -> None:
        self.calls: list[Sequence[str]] = []

    def tell(self, names: Sequence[str]) -> None:
        self.calls.append(names)


def test_all_names_of_a_transaction_are_told_at_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    told, others = Told(), Told()
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        for names in (["A", "B"], [], ["B", "C"]):
            after_commit_together(told.tell, names)
        after_commit_together(others.tell, ["A"])
        assert told.calls == []
    assert told.calls == [("A", "B", "C")]
    assert others.calls == [("A",)]


def test_what_is_rolled_back_is_not_told_and_takes_nothing_with_it(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    told = Told()
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        with transaction.atomic():
            after_commit_together(told.tell, ["A"])
            transaction.set_rollback(True)
        after_commit_together(told.tell, ["B"])
        with transaction.atomic():
            after_commit_together(told.tell, ["C"])
        after_commit_together(told.tell, ["D"])
    assert told.calls == [("B", "D"), ("C",)]
