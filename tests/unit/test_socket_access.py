"""Many sockets are checked in one go, and each gets the answer that it would get alone."""

import asyncio
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from devices import doorkeeper
from tests.unit.dji import member
from workspaces import tokens
from workspaces.models import ClientKind, Membership, Role, Workspace
from workspaces.socket_access import Access, Claim, granted


def claims_of(workspace: Workspace, people: int) -> list[Claim]:
    """A token and a session of each of these people."""
    claims = []
    for _ in range(people):
        user = member(workspace, Role.OPERATOR)
        client = Client()
        client.force_login(user)
        claims.append(Claim(session_key=client.cookies["sessionid"].value, workspace_id=workspace.workspace_id))
        claims.append(Claim(token=tokens.issue(user=user, workspace=workspace, client=ClientKind.WEB)))
    return claims


def test_the_number_of_queries_does_not_grow_with_the_sockets(
    ours: Workspace, theirs: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    claims = claims_of(ours, 4) + claims_of(theirs, 4)
    with django_assert_num_queries(5):
        found = granted(claims)
    assert found.keys() == set(claims)
    assert [found[claim].workspace for claim in claims] == [ours] * 8 + [theirs] * 8


def test_one_that_ends_ends_no_other(ours: Workspace, theirs: Workspace) -> None:
    claims = claims_of(ours, 3) + claims_of(theirs, 1)
    asked = [*claims, Claim(session_key=claims[0].session_key, workspace_id=theirs.workspace_id), Claim(), Claim("x")]
    assert granted(asked).keys() == set(claims)
    first = Membership.objects.in_workspace(ours).order_by("pk")[0]
    first.delete()
    assert granted(asked).keys() == set(claims[2:])
    assert granted([]) == {}


async def test_who_asks_while_others_are_answered_is_answered_next(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def answer(claims: list[Claim]) -> dict[Claim, Any]:
        rounds.append(len(claims))
        if any(claim.token == "outage" for claim in claims):
            raise DatabaseError
        return {claim: Access(Workspace(), 1, claim) for claim in claims if claim.token.startswith("good")}

    monkeypatch.setattr(doorkeeper, "granted", answer)
    for _ in range(3):
        names = [f"{kind}{number}" for number in range(400) for kind in ("good", "bad")]
        found = await asyncio.gather(*(doorkeeper.find(Claim(token=name)) for name in names))
        assert [access is not None for access in found] == [True, False] * 400
        with pytest.raises(DatabaseError):
            await doorkeeper.find(Claim(token="outage"))
    assert rounds == [500, 300, 1] * 3
