"""EMQX's questions to a running platform, the cache in a real Valkey, and the ends of sessions by EMQX's REST API.

A real EMQX is not at hand: what it asks and answers is taken from its documentation (tests/fixtures/emqx).
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from mqtt_bridge import account_endings, broker_access, credentials
from mqtt_bridge.broker_access import emqx as broker_emqx
from mqtt_bridge.broker_access import emqx_accounts
from mqtt_bridge.broker_access.emqx_answers import authenticate, authorize
from mqtt_bridge.broker_access.roles import Role as TopicRole
from mqtt_bridge.models import MqttCredential, UnpinnedCredential
from mqtt_bridge.reserved import UNPINNED_PREFIX
from tests.emqx import API_KEY, API_SECRET, SECRET, Api, api_server, authn, authz
from tests.factories import make_workspace
from tests.platform import Platform
from tests.unit.dji import member
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.live
DOCK, OTHER, CONTROLLER = "DOCK-1", "DOCK-2", "RC0001"


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as api:
        yield api


@pytest.fixture
def emqx(settings: Settings, api: Api, valkey: str) -> Api:
    settings.MQTT_BROKER, settings.EMQX_HTTP_SECRET = "emqx", SECRET
    settings.EMQX_API_URL, settings.EMQX_API_KEY, settings.EMQX_API_SECRET = api.url, API_KEY, API_SECRET
    return api


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def dock(workspace: Workspace) -> MqttCredential:
    [dock, _other] = credentials.issue(sns=[DOCK, OTHER], workspace=workspace, model_key="3-2-0")
    return dock


def may_connect(account: Any, client_id: str = DOCK) -> bool:
    return bool(authenticate(authn(account.username, account.password, client_id))["result"] == "allow")


def may_publish(username: str = DOCK, topic: str = f"thing/product/{DOCK}/requests", client_id: str = DOCK) -> bool:
    return bool(authorize(authz(username, "publish", topic, client_id=client_id))["result"] == "allow")


def unpinned(workspace: Workspace) -> UnpinnedCredential:
    pilot = member(workspace, Role.PILOT)
    return UnpinnedCredential.objects.create(username=f"{UNPINNED_PREFIX}{pilot.pk}", workspace=workspace, pilot=pilot)


# --- the cache --------------------------------------------------------------------------------------------------------
def test_a_hit_costs_no_query(
    emqx: Api, dock: MqttCredential, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert may_connect(dock)
    with django_assert_num_queries(0):
        assert may_connect(dock)
        assert not may_connect(MqttCredential(username=DOCK, seed="wrong"))
        assert may_publish()
        assert not may_publish(topic=f"thing/product/{OTHER}/requests")
    assert not may_publish("nobody")
    with django_assert_num_queries(0):
        assert not may_publish("nobody")


def test_valkey_knows_no_password(emqx: Api, dock: MqttCredential) -> None:
    from cloudapi.valkey import client

    assert may_connect(dock)
    record = client().get(f"cloudapi:emqx:account:{DOCK}")
    assert isinstance(record, bytes)
    assert dock.password.encode() not in record
    assert dock.seed.encode() not in record
    assert 0 < int(client().ttl(f"cloudapi:emqx:account:{DOCK}")) <= emqx_accounts.KEPT_SECONDS


def test_a_new_account_works_although_it_was_asked_for_before(emqx: Api, workspace: Workspace) -> None:
    assert not may_publish()
    [dock] = credentials.issue(sns=[DOCK], workspace=workspace, model_key="3-2-0")
    broker_access.put([dock])
    assert may_publish()


def test_a_changed_password_counts_at_once(emqx: Api, dock: MqttCredential) -> None:
    old = MqttCredential(username=DOCK, seed=dock.seed)
    assert may_connect(dock)
    emqx.sessions[DOCK] = DOCK
    credentials.rotate(credential=dock)
    broker_access.put([dock])
    assert not may_connect(old)
    assert may_connect(dock)
    assert emqx.sessions == {}


def test_what_is_read_before_a_commit_does_not_outlive_it(
    emqx: Api, dock: MqttCredential, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    old = MqttCredential(username=DOCK, seed=dock.seed)
    with django_capture_on_commit_callbacks() as callbacks:
        broker_access.put([dock])
        assert may_connect(old)  # another process asks now, and reads what is committed so far
        credentials.rotate(credential=dock)
    assert may_connect(old)
    for callback in callbacks:
        callback()
    assert not may_connect(old)
    assert may_connect(dock)


# --- the ends of accounts ---------------------------------------------------------------------------------------------
def test_an_ended_account_loses_its_sessions_and_cannot_come_back(emqx: Api, dock: MqttCredential) -> None:
    assert may_connect(dock)
    strange = "a/b c?#%ü"
    emqx.sessions |= {DOCK: DOCK, strange: DOCK, OTHER: OTHER}
    broker_access.remove([DOCK])  # while the row is still there, as when former pilots' accounts end
    assert emqx.sessions == {OTHER: OTHER}
    assert not may_connect(dock)
    assert not may_publish()
    credentials.remove(credential=dock)
    assert not may_connect(dock)


def test_many_sessions_of_one_account_end(emqx: Api, dock: MqttCredential) -> None:
    emqx.sessions |= {f"client-{number}": DOCK for number in range(250)}
    broker_access.remove([DOCK])
    assert emqx.sessions == {}


def test_reconciling_ends_what_an_earlier_end_has_missed(emqx: Api, dock: MqttCredential) -> None:
    assert may_connect(dock)
    emqx.sessions |= {DOCK: DOCK, "of-the-operator": "operator"}
    credentials.remove(credential=dock)
    assert broker_access.reconcile() == ([], [], [DOCK])
    assert emqx.sessions == {"of-the-operator": "operator"}
    assert broker_access.reconcile() == ([], [], [])


def test_refusals_of_the_api_are_said(emqx: Api, settings: Settings) -> None:
    emqx.answer_with = 500
    with pytest.raises(broker_access.BrokerAccessError, match="500"):
        broker_access.remove([DOCK])
    emqx.answer_with = None
    settings.EMQX_API_SECRET = "wrong"
    with pytest.raises(broker_access.BrokerAccessError, match="EMQX_API_KEY") as refusal:
        broker_access.remove([DOCK])
    assert "wrong" not in str(refusal.value)
    settings.EMQX_API_URL = "http://127.0.0.1:1"
    with pytest.raises(broker_access.BrokerUnreachable, match="does not answer"):
        broker_access.remove([DOCK])


def test_without_the_api_accounts_still_end(emqx: Api, settings: Settings, dock: MqttCredential) -> None:
    settings.EMQX_API_URL = ""
    emqx.sessions[DOCK] = DOCK
    broker_access.remove([DOCK])
    assert not may_publish()
    assert emqx.asked == []


def test_lost_rights_end_subscriptions_and_not_the_session(emqx: Api, dock: MqttCredential) -> None:
    own, lost, left = f"thing/product/{DOCK}/#", "thing/product/AIR1/state_reply", "thing/product/AIR2/state_reply"
    emqx.sessions |= {DOCK: DOCK, OTHER: OTHER}
    emqx.subscriptions |= {DOCK: [own, lost, left], OTHER: [lost]}
    broker_emqx.renew({DOCK: [TopicRole("gateway:DOCK-1", publish=(), receive=(), subscribe=(own, left))]})
    assert emqx.subscriptions == {DOCK: [own, left], OTHER: [lost]}
    assert emqx.sessions == {DOCK: DOCK, OTHER: OTHER}
    assert ("DELETE", f"/api/v5/clients/{DOCK}/authorization/cache") in emqx.asked


def test_renewed_rights_are_read_anew(emqx: Api, dock: MqttCredential) -> None:
    assert may_publish()
    with CaptureQueriesContext(connection) as kept:
        assert may_publish()
    broker_emqx.renew({DOCK: []})
    with CaptureQueriesContext(connection) as read:
        assert may_publish()
    assert len(kept) == 0 < len(read)


# --- client ids -------------------------------------------------------------------------------------------------------
def test_an_account_that_is_not_pinned_is_pinned_before_it_connects(emqx: Api, workspace: Workspace) -> None:
    waiting = unpinned(workspace)
    assert not may_publish(waiting.username, f"thing/product/{CONTROLLER}/requests", CONTROLLER)
    wrong = MqttCredential(username=waiting.username, seed="wrong")
    assert not may_connect(wrong, CONTROLLER)
    assert UnpinnedCredential.objects.unscoped().exists()
    assert may_connect(waiting, CONTROLLER)
    pinned = MqttCredential.objects.unscoped().get(username=waiting.username)
    assert (pinned.gateway_sn, pinned.password) == (CONTROLLER, waiting.password)
    assert may_publish(waiting.username, f"thing/product/{CONTROLLER}/requests", CONTROLLER)
    assert not may_connect(waiting, "RC0002")
    assert not may_publish(waiting.username, f"thing/product/{CONTROLLER}/requests", "RC0002")
    assert may_connect(waiting, CONTROLLER)


def test_a_pilots_account_displaces_no_dock(emqx: Api, workspace: Workspace, dock: MqttCredential) -> None:
    waiting = unpinned(workspace)
    assert not may_connect(waiting, DOCK)
    assert not UnpinnedCredential.objects.unscoped().exists()
    assert not may_connect(waiting, CONTROLLER)
    assert may_connect(dock, DOCK)


def test_the_controllers_next_pilot_ends_the_session_of_the_one_before(emqx: Api, workspace: Workspace) -> None:
    first, second = unpinned(workspace), unpinned(workspace)
    assert may_connect(first, CONTROLLER)
    emqx.sessions[CONTROLLER] = first.username
    assert may_connect(second, CONTROLLER)
    assert emqx.sessions == {}
    assert not may_connect(first, CONTROLLER)


def test_a_client_id_of_its_own_belongs_to_the_gateway_that_used_it_first(
    emqx: Api, workspace: Workspace, dock: MqttCredential, settings: Settings
) -> None:
    other = MqttCredential.objects.unscoped().get(gateway_sn=OTHER)
    assert not may_connect(dock, "drc-1")
    settings.MQTT_CLIENT_ID_IS_SN = False
    emqx_accounts.forget([dock.username, other.username])
    assert may_connect(dock, "drc-1")
    assert may_connect(dock, "drc-1")
    assert not may_connect(other, "drc-1")
    assert not may_connect(dock, OTHER)
    assert not may_connect(dock, "cloudapi-worker-0123-requests")
    # A gateway that is only now given an account gets its SN back from whoever used it.
    assert may_connect(dock, "DOCK-3")
    [third] = credentials.issue(sns=["DOCK-3"], workspace=workspace, model_key="3-2-0")
    broker_access.put([third])
    assert not may_connect(dock, "DOCK-3")
    assert may_connect(third, "DOCK-3")


def test_without_valkey_a_gateway_still_connects_with_its_sn(
    emqx: Api, dock: MqttCredential, valkey_down: None
) -> None:
    assert may_connect(dock)
    assert may_publish()
    assert not may_connect(dock, "drc-1")


def test_a_log_out_ends_the_account(emqx: Api, workspace: Workspace) -> None:
    waiting = unpinned(workspace)
    assert may_connect(waiting, CONTROLLER)
    broker_access.remove(account_endings.revoke(login_id=waiting.login_id))
    assert not may_connect(waiting, CONTROLLER)


# --- a running platform -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def running(make_platform: Callable[..., Platform]) -> Iterator[tuple[Platform, Api]]:
    with api_server() as api:
        platform = make_platform(
            MQTT_BROKER="emqx", EMQX_HTTP_SECRET=SECRET,
            EMQX_API_URL=api.url, EMQX_API_KEY=API_KEY, EMQX_API_SECRET=API_SECRET,
            # As in production: EMQX comes by another name and without TLS.
            PUBLIC_URL="https://cloudapi.example", ALLOWED_HOSTS="cloudapi.example,127.0.0.1", BEHIND_PROXY="1",
        )  # fmt: skip
        yield platform, api
        platform.stop()


class Emqx:
    """One of EMQX's pooled connections to us."""

    def __init__(self, platform: Platform, **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", platform.http_port, timeout=10)
        self._headers = {
            "Host": "web:8000", "content-type": "application/json", "authorization": f"Bearer {SECRET}", **headers,
        }  # fmt: skip

    def ask(self, question: str, body: bytes) -> tuple[int, Any]:
        self._connection.request("POST", f"/internal/mqtt/{question}", body=body, headers=self._headers)
        response = self._connection.getresponse()
        content = response.read()
        return response.status, json.loads(content) if response.status == 200 else None


def test_a_gateway_from_its_account_to_its_end(running: tuple[Platform, Api]) -> None:
    platform, api = running
    organization = platform.manage("create_organization", "Alpine Rescue")
    made = platform.manage("add_gateway", DOCK, "--workspace", organization["workspace_id"], "--model", "3-2-0")
    password = made["gateways"][0]["mqtt_password"]
    emqx = Emqx(platform)
    assert emqx.ask("authn", authn(DOCK, "wrong", DOCK)) == (200, {"result": "deny"})
    assert emqx.ask("authn", authn(DOCK, password, DOCK)) == (200, {"result": "allow", "is_superuser": False})
    server = authn(platform.env["MQTT_USERNAME"], platform.env["MQTT_PASSWORD"], "cloudapi-worker")
    assert emqx.ask("authn", server) == (200, {"result": "allow", "is_superuser": True})
    own, foreign = f"thing/product/{DOCK}/requests", f"thing/product/{OTHER}/requests"
    assert emqx.ask("authz", authz(DOCK, "publish", own)) == (200, {"result": "allow"})
    assert emqx.ask("authz", authz(DOCK, "publish", own, retain="true")) == (200, {"result": "deny"})
    assert emqx.ask("authz", authz(DOCK, "publish", foreign)) == (200, {"result": "deny"})
    assert emqx.ask("authz", authz(DOCK, "subscribe", "#")) == (200, {"result": "deny"})
    assert emqx.ask("authz", b"x" * 100_000) == (200, {"result": "deny"})
    # A new password, made by another process.
    api.sessions[DOCK] = DOCK
    platform.manage("add_gateway", DOCK, "--workspace", organization["workspace_id"], "--model", "3-2-0")
    assert emqx.ask("authn", authn(DOCK, password, DOCK)) == (200, {"result": "deny"})
    assert api.sessions == {}


def test_nobody_else_may_ask(running: tuple[Platform, Api]) -> None:
    platform, _api = running
    right = authn(platform.env["MQTT_USERNAME"], platform.env["MQTT_PASSWORD"], "cloudapi-worker")
    assert Emqx(platform, authorization="Bearer guess").ask("authn", right) == (200, {"result": "deny"})
    through_proxy = {"Host": "cloudapi.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    assert Emqx(platform, **through_proxy).ask("authn", right)[0] == 404
    assert platform.env["MQTT_PASSWORD"] not in platform.logs("web")


def test_an_answer_takes_milliseconds(running: tuple[Platform, Api]) -> None:
    """bench/emqx_auth.py measures; this notices when an answer starts to take a different order of time."""
    platform, _api = running
    emqx = Emqx(platform)
    took = []
    for _ in range(100):
        began = time.perf_counter()
        emqx.ask("authz", authz("nobody", "publish", "thing/product/X/osd"))
        took.append(time.perf_counter() - began)
    assert sorted(took)[10] < 0.02, "the fast ones, since the machine may be busy"
