"""EMQX's documented requests and our answers."""

import hmac
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from pytest_django import DjangoAssertNumQueries, Settings

from cloudapi.platform import BASE_DIR
from mqtt_bridge import credentials
from mqtt_bridge.broker_access import emqx_accounts, emqx_http
from mqtt_bridge.broker_access.emqx_answers import AuthnRequest, AuthzRequest, authenticate, authorize
from mqtt_bridge.broker_access.emqx_http import EmqxEndpoints
from mqtt_bridge.models import MqttCredential
from tests.emqx import SECRET, authn, authz, fixture
from tests.factories import make_workspace

GATEWAY, OTHER, SERVER = "7CTDM3D00B2X4P", "7CTDM3D00OTHER", "server"
ALLOW, DENY = "allow", "deny"


@pytest.fixture(autouse=True)
def _emqx(settings: Settings, valkey: str) -> None:
    settings.MQTT_BROKER, settings.EMQX_HTTP_SECRET = "emqx", SECRET


@pytest.fixture
def dock(db: None) -> MqttCredential:
    workspace = make_workspace()
    [dock, _other] = credentials.issue(sns=[GATEWAY, OTHER], workspace=workspace, model_key="3-2-0")
    return dock


# --- who may connect --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ALLOW),
        ({"password": "wrong"}, DENY),
        ({"password": ""}, DENY),
        ({"password": "pässwörd \U0001f6f8"}, DENY),
        ({"username": "nobody"}, DENY),
        ({"username": ""}, DENY),
        ({"username": "undefined"}, DENY),
        ({"username": GATEWAY.lower()}, DENY),
        ({"username": "x" * 65}, DENY),
        ({"username": f"{GATEWAY}\0"}, DENY),
        ({"username": OTHER}, DENY),
        ({"clientid": OTHER}, DENY),
        ({"clientid": "cloudapi-worker-0123456789abcdef-requests"}, DENY),
        ({"cert_common_name": GATEWAY}, ALLOW),
        ({"cert_common_name": "undefined"}, ALLOW),
        ({"cert_common_name": OTHER}, DENY),
        ({"username": None}, DENY),
        ({"password": None}, DENY),
        ({"clientid": None}, DENY),
        ({"password": 1}, DENY),
        ({"username": {"$ne": ""}}, DENY),
    ],
)
def test_a_login(dock: MqttCredential, changes: dict[str, Any], expected: str) -> None:
    right = {"username": GATEWAY, "password": dock.password, "client_id": GATEWAY}
    answer = authenticate(authn(**{**right, **changes}))
    assert answer["result"] == expected
    assert not answer.get("is_superuser")


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("server-of-the-tests", {"result": "allow", "is_superuser": True}),
        ("wrong", {"result": "deny"}),
        ("", {"result": "deny"}),
    ],
)
def test_the_servers_own_account_is_a_superuser_and_needs_no_database(password: str, expected: dict[str, Any]) -> None:
    assert authenticate(authn(SERVER, password, "cloudapi-worker-0123")) == expected


def test_without_an_account_of_the_server_nobody_is_it(db: None, settings: Settings) -> None:
    settings.MQTT_USERNAME = settings.MQTT_PASSWORD = ""
    assert authenticate(authn("", "", "x"))["result"] == DENY
    assert authorize(authz("", "publish", "thing/product/X/osd"))["result"] == DENY


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"username": "\\ud800"}', b"{}"])
def test_what_cannot_be_read_is_denied(body: bytes) -> None:
    assert authenticate(body) == authorize(body) == {"result": "deny"}


# --- who may publish and subscribe what -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "topic", "changes", "expected"),
    [
        ("publish", f"sys/product/{GATEWAY}/status", {}, ALLOW),
        ("publish", f"thing/product/{GATEWAY}/requests", {}, ALLOW),
        ("publish", f"thing/product/{GATEWAY}/requests", {"retain": False}, ALLOW),
        ("publish", f"thing/product/{GATEWAY}/requests", {"retain": "true"}, DENY),
        ("publish", f"thing/product/{GATEWAY}/requests", {"retain": True}, DENY),
        ("publish", f"thing/product/{GATEWAY}/requests", {"retain": "1"}, DENY),
        ("publish", f"thing/product/{GATEWAY}/requests", {"retain": "${retain}"}, DENY),
        ("publish", f"thing/product/{GATEWAY}/requests", {"retain": None}, DENY),
        ("publish", f"thing/product/{GATEWAY}/services", {}, DENY),
        ("publish", f"thing/product/{OTHER}/requests", {}, DENY),
        ("publish", f"sys/product/{OTHER}/status", {}, DENY),
        ("publish", "$SYS/brokers", {}, DENY),
        ("publish", f"$delayed/5/thing/product/{GATEWAY}/requests", {}, DENY),
        ("publish", "", {}, DENY),
        ("subscribe", f"thing/product/{GATEWAY}/services", {}, ALLOW),
        ("subscribe", f"thing/product/{GATEWAY}/#", {}, ALLOW),
        ("subscribe", f"sys/product/{GATEWAY}/status_reply", {}, ALLOW),
        ("subscribe", f"thing/product/{OTHER}/services", {}, DENY),
        ("subscribe", f"thing/product/{OTHER}/#", {}, DENY),
        ("subscribe", "thing/product/+/services", {}, DENY),
        ("subscribe", "#", {}, DENY),
        ("subscribe", "$SYS/#", {}, DENY),
        ("subscribe", f"$share/group/thing/product/{GATEWAY}/#", {}, DENY),
        ("subscribe", f"$exclusive/thing/product/{GATEWAY}/services", {}, DENY),
        ("all", f"thing/product/{GATEWAY}/services", {}, DENY),
        ("", f"thing/product/{GATEWAY}/requests", {}, DENY),
        ("publish", f"thing/product/{GATEWAY}/requests", {"username": "nobody"}, DENY),
        ("publish", f"thing/product/{GATEWAY}/requests", {"username": None}, DENY),
    ],
)
def test_a_right(dock: MqttCredential, action: str, topic: str, changes: dict[str, Any], expected: str) -> None:
    asked = {"username": GATEWAY, "action": action, "topic": topic, "client_id": GATEWAY, **changes}
    assert authorize(authz(**asked)) == {"result": expected}


@pytest.mark.parametrize("topic", ["$SYS/brokers/+/clients/+/connected", "$share/workers/thing/product/+/osd", "#"])
def test_the_server_may_do_everything(topic: str) -> None:
    assert authorize(authz(SERVER, "subscribe", topic)) == {"result": "allow"}
    assert authorize(authz(SERVER, "publish", "thing/product/X/services", retain="true")) == {"result": "allow"}


def test_without_valkey_and_without_the_tables_everybody_is_refused(
    dock: MqttCredential, valkey_down: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def fails(_username: str) -> None:
        raise OperationalError("the database does not answer")

    assert authenticate(authn(GATEWAY, dock.password, GATEWAY))["result"] == ALLOW  # Valkey alone is missing
    monkeypatch.setattr(emqx_accounts, "_read", fails)
    assert authenticate(authn(GATEWAY, dock.password, GATEWAY)) == {"result": "deny"}
    assert authorize(authz(GATEWAY, "publish", f"thing/product/{GATEWAY}/requests")) == {"result": "deny"}


def test_a_login_with_a_name_that_cannot_be_one_costs_no_query(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert authenticate(authn("x" * 65, "y", "z"))["result"] == DENY


# --- over HTTP --------------------------------------------------------------------------------------------------------
async def ask(body: bytes, *, path: str = "/internal/mqtt/authn", method: str = "POST", **headers: str) -> Any:
    """The answer, or "django" if the request was handed on."""

    async def django(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"django"})

    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": sent}
    communicator: Any = ApplicationCommunicator(EmqxEndpoints(django), scope)  # type: ignore[no-untyped-call]
    for start in range(0, max(1, len(body)), 10_000):
        more = start + 10_000 < len(body)
        await communicator.send_input({"type": "http.request", "body": body[start : start + 10_000], "more_body": more})
    begin = await communicator.receive_output(5)
    content = (await communicator.receive_output(5))["body"]
    if content == b"django":
        return "django"
    assert begin["status"] == 200
    assert (b"content-type", b"application/json") in begin["headers"]
    return json.loads(content)


RIGHT = authn(SERVER, "server-of-the-tests", "cloudapi-worker")
BEARER = f"Bearer {SECRET}"


async def test_the_documented_request_is_answered() -> None:
    documented = fixture("authn")
    headers = {name: value.format(secret=SECRET) for name, value in documented["headers"].items()}
    assert (await ask(RIGHT, path=documented["path"], **headers)) == {"result": "allow", "is_superuser": True}
    asked = authz(SERVER, "publish", "thing/product/X/services")
    assert (await ask(asked, path=fixture("authz")["path"], authorization=BEARER)) == {"result": "allow"}


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", SECRET, f"bearer {SECRET}", f"Bearer {SECRET}x", "Bearer ü"]
)
async def test_whoever_does_not_know_the_secret_is_denied(given: str) -> None:
    assert await ask(RIGHT, authorization=given) == {"result": "deny"}
    assert await ask(RIGHT) == {"result": "deny"}


async def test_a_long_body_is_denied() -> None:
    assert await ask(RIGHT + b" " * 20_000, authorization=BEARER) == {"result": "deny"}


@pytest.mark.parametrize(
    "request_of",
    [
        {"method": "GET"},
        {"path": "/internal/mqtt/authn/"},
        {"path": "/internal/mqtt/other"},
        {"x_forwarded_for": "203.0.113.7"},
        {"x_forwarded_proto": "https"},
        {"forwarded": "for=203.0.113.7"},
    ],
)
async def test_everything_else_is_unknown_here(request_of: dict[str, str]) -> None:
    assert await ask(RIGHT, authorization=BEARER, **request_of) == "django"


@pytest.mark.parametrize(
    ("name", "value"), [("MQTT_BROKER", "dynsec"), ("MQTT_BROKER", "amqtt"), ("EMQX_HTTP_SECRET", "")]
)
async def test_the_endpoints_are_unknown_unless_configured(settings: Settings, name: str, value: str) -> None:
    setattr(settings, name, value)
    assert await ask(RIGHT, authorization=BEARER) == "django"
    assert await ask(RIGHT, authorization="Bearer ") == "django"


async def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []
    real = hmac.compare_digest

    def compare(first: Any, second: Any) -> bool:
        compared.append((first, second))
        return real(first, second)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    await ask(authn(SERVER, "guess", "x"), authorization=BEARER)
    assert compared == [(BEARER.encode(), BEARER.encode()), (b"guess", b"server-of-the-tests")]
    facts = emqx_accounts.Facts(digest=emqx_accounts.digest("right"), gateway_sn="", client_id="", roles=[])
    assert not emqx_accounts.is_password("guess", facts)
    assert compared[-1] == (emqx_accounts.digest("guess"), facts.digest)


async def test_django_answers_404_itself_where_the_endpoints_are_not_configured(settings: Settings) -> None:
    from cloudapi.asgi import application

    settings.MQTT_BROKER = "dynsec"
    scope = {
        "type": "http", "path": "/internal/mqtt/authn", "raw_path": b"/internal/mqtt/authn", "method": "POST",
        "query_string": b"", "root_path": "", "headers": [(b"host", b"testserver")],
    }  # fmt: skip
    communicator: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]
    await communicator.send_input({"type": "http.request", "body": RIGHT, "more_body": False})
    assert (await communicator.receive_output(5))["status"] == 404


# --- the broker's configuration ---------------------------------------------------------------------------------------
def test_emqx_is_configured_to_ask_what_we_read() -> None:
    hocon = (BASE_DIR / "deploy" / "emqx" / "base.hocon").read_text()
    bodies = [
        dict(re.findall(r'(\w+) = "(\S+)"', block)) for block in re.findall(r"body \{([^}]*(?:\}\"[^}]*)*)\}", hocon)
    ]
    assert bodies == [{name: f"${{{name}}}" for name in fixture(question)["body"]} for question in ("authn", "authz")]
    assert set(AuthnRequest.__struct_fields__) == set(bodies[0])
    assert set(AuthzRequest.__struct_fields__) == set(bodies[1]) - {"qos"}
    urls = re.findall(r'url = "http://web:8000(\S+)"', hocon)
    assert urls == list(emqx_http._QUESTIONS) == [fixture("authn")["path"], fixture("authz")["path"]]
    assert "no_match = deny" in hocon
    assert "type = file" not in hocon


def test_compose_with_emqx_is_valid_and_hands_the_secret_over(tmp_path: Path) -> None:
    compose = shutil.which("docker-compose")
    assert compose, "`make test` installs docker-compose, or says how"
    names = re.findall(r"^#?([A-Z_]+)=", (BASE_DIR / "deploy" / "production.env.example").read_text(), re.MULTILINE)
    env = {name: f"the-{name.lower()}" for name in names} | {"MQTT_PUBLIC_PORT": "1883"}
    env |= {"MQTT_BIND_ADDRESS": "127.0.0.1", "MQTT_TLS_BIND_ADDRESS": "127.0.0.1", "MQTT_TLS_DIR": "/tls"}
    files = [part for name in ("compose.yml", "compose.emqx.yml") for part in ("-f", str(BASE_DIR / "deploy" / name))]
    done = subprocess.run([compose, *files, "config"], env=env, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    import yaml

    services = yaml.safe_load(done.stdout)["services"]
    broker = services["mosquitto"]["environment"]
    for name in ("EMQX_AUTHENTICATION__1__HEADERS", "EMQX_AUTHORIZATION__SOURCES__1__HEADERS"):
        assert json.loads(broker[name]) == {
            "content-type": "application/json",
            "authorization": f"Bearer {services['web']['environment']['EMQX_HTTP_SECRET']}",
        }
    for name in ("web", "mqtt_worker", "celery", "beat", "prepare"):
        assert services[name]["environment"]["MQTT_BROKER"] == "emqx"
    missing = subprocess.run(
        [compose, *files, "config", "-q"], env={**env, "EMQX_HTTP_SECRET": ""}, capture_output=True, check=False
    )
    assert b"EMQX_HTTP_SECRET" in missing.stderr


def test_an_ended_account_stays_out_though_a_question_was_under_way(
    dock: MqttCredential, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account is ended at the broker before its row goes: what was read meanwhile must not let it in again."""
    read = emqx_accounts._read

    def ended_meanwhile(username: str) -> emqx_accounts.Facts | None:
        facts = read(username)
        monkeypatch.setattr(emqx_accounts, "_read", read)
        emqx_accounts.block([username])
        return facts

    monkeypatch.setattr(emqx_accounts, "_read", ended_meanwhile)
    emqx_accounts.look_up(GATEWAY)
    assert emqx_accounts.look_up(GATEWAY) is None
