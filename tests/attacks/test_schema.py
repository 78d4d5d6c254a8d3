"""Requests made from the OpenAPI schema, valid and broken ones, with ids of the other organization among them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
import requests
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from tests.attacks.scene import Party, Scene
from tests.attacks.table import Attack
from tests.attacks.visitor import Visitor
from tests.live.tenants import new_sn

pytestmark = pytest.mark.live

SCHEMA = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True))  # type: ignore[no-untyped-call]
OPERATIONS: dict[str, Any] = {(found := one.ok()).label: found for one in SCHEMA.get_all_operations()}  # type: ignore[union-attr]
#: Examples of an operation, each sent by all. Few of one that takes nothing that could be varied or checks passwords.
EXAMPLES, FEW = 20, 3
CHECKS_PASSWORDS = "POST /manage/api/v1/login"
CONFORMS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
#: Answers of these say something about the organization of who asks.
TELLING = {label for label in OPERATIONS if label.startswith("GET") or label.endswith(("/login", "/refresh"))}
LICENSE = "GET /manage/api/v1/pilot/license"


class Actor(NamedTuple):
    """Who asks, with what is theirs to name and what they must never read. `user` is empty for anonymous."""

    name: str
    visitor: Visitor
    user: Mapping[str, str]
    own: Party
    other: Party
    secrets: list[str]


class Plan(NamedTuple):
    """A request by the schema. "own" and "other" say whose ids take the place of what was made up."""

    case: Case[Any]
    path: str
    body: str
    query: str


def ids(party: Party) -> dict[str, Any]:
    return {"workspace_id": party.workspace_id, "sn": party.sn, "gateway_sn": party.sn}


def readable(party: Party) -> list[str]:
    """What members of a party can read, and nobody else may. Not its SNs and workspace id, which requests name."""
    return [party.aircraft, party.tenant.organization_name, *(user["username"] for user in party.users.values())]


@pytest.fixture(scope="module")
def actors(scene: Scene) -> list[Actor]:
    made = [Actor("anonymous", Visitor(scene.platform), {}, scene.a, scene.b, [*scene.secrets, *readable(scene.b)])]
    for party, other, secrets in ((scene.a, scene.b, readable(scene.b)), (scene.b, scene.a, scene.secrets)):
        for role in ("viewer", "pilot", "admin"):
            user = party.users[role]
            visitor = Visitor(scene.platform).take_token(user)
            made.append(Actor(f"{role} of {party.sn}", visitor, user, party, other, secrets))
    return made


def requests_of(label: str) -> st.SearchStrategy[Plan]:
    operation = OPERATIONS[label]
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode])
    # Who asks to release a device of their own gets that, and the other rows need it.
    path = st.sampled_from(("other",) if operation.method == "delete" else ("own", "other", "made up"))
    return st.builds(
        Plan, cases, path, st.sampled_from(("own", "other", "made up")), st.sampled_from(("other", "made up"))
    )


def filled(plan: Plan, actor: Actor) -> Case[Any]:
    """The request as this one sends it."""
    sides = {"own": ids(actor.own), "other": ids(actor.other), "made up": {}}
    case, body = plan.case, plan.case.body
    if isinstance(body, dict):
        # An own controller is a new one, and who logs in knows a password.
        own = {"gateway_sn": new_sn("RC"), **actor.user} if plan.body == "own" else {}
        known = {**sides[plan.body], **own, "flag": 2 if actor.user.get("role") == "pilot" else 1}
        body = {**body, **{name: value for name, value in known.items() if name in body}}
    path = {name: sides[plan.path].get(name, value) for name, value in case.path_parameters.items()}
    made: Case[Any] = case.operation.Case(
        path_parameters=path, query={**case.query, **sides[plan.query]}, headers=dict(case.headers), body=body,
        media_type=case.media_type,
    )  # fmt: skip
    return made


def send(actor: Actor, case: Case[Any], session: requests.Session) -> schemathesis.Response:
    headers = {"X-Forwarded-For": actor.visitor.address, "x-auth-token": actor.visitor.token}
    session.cookies.clear()
    return case.call(base_url=actor.visitor.platform.http_url, session=session, headers=headers, timeout=30)


def answers(actors: list[Actor], plan: Plan, session: requests.Session) -> Iterator[tuple[Actor, str]]:
    """Who got what, after it was compared with the schema."""
    for actor in actors:
        case = filled(plan, actor)
        response = send(actor, case, session)
        case.validate_response(response, checks=CONFORMS)
        yield actor, response.text + str(response.headers)
        if case.path.endswith("/logout") and actor.user:
            actor.visitor.take_token(actor.user)


@pytest.mark.parametrize("label", OPERATIONS)
def test_requests_by_the_schema(scene: Scene, actors: list[Actor], label: str, attack: Attack) -> None:
    operation = OPERATIONS[label]
    has_input = bool(operation.path_parameters or operation.query or operation.body)
    examples = FEW if not has_input else 2 * FEW if label == CHECKS_PASSWORDS else EXAMPLES
    sent, told = 0, set[str]()

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(requests_of(label))
    def ask(plan: Plan) -> None:
        nonlocal sent
        for actor, text in answers(actors, plan, session):
            sent += 1
            assert [secret for secret in actor.secrets if secret in text] == [], (actor.name, plan)
            if actor.user and any(own in text for own in (*readable(actor.own), actor.own.workspace_id)):
                told.add(actor.name)

    with requests.Session() as session:
        ask()
    for party in (scene.a, scene.b):
        assert scene.owner(party.sn) == (party.workspace_id, "")
        assert scene.owner(party.aircraft) == (party.workspace_id, party.sn)
    if label in TELLING and label != LICENSE:  # that is for pilots alone
        attack.control(len(told) == len(actors) - 1, f"members read what is theirs: {sorted(told)}")
    else:
        attack.control(sent, "requests were answered")
    attack.stopped(f"{sent} requests, none of them answered with an error of the server or a word of the others")
