"""No secret of a device or an organization reaches a log line."""

import json
import logging
from collections.abc import Iterator

import pytest

from devices.buffer import LiveBuffer
from mqtt_bridge import publisher, tasks
from mqtt_bridge.intake import Intake
from mqtt_bridge.models import MqttCredential
from mqtt_bridge.publisher import NotPublished
from mqtt_bridge.redaction import MAX_LOGGED, excerpt
from tests.factories import bind_data, make_code, make_gateway, payload
from workspaces.models import Workspace

SECRET = "ZQ7XVK9WTR2M"
PAYLOADS = [
    json.dumps({"device_binding_code": SECRET, "sn": "DOCK1"}),
    json.dumps({"a": {"b": [{"device_binding_code" : SECRET}]}}, indent=1),
    json.dumps(json.dumps({"password": SECRET})),
    json.dumps({"app_key": {"value": SECRET}}),
    json.dumps({"app_license": ["x", SECRET]}),
    json.dumps({"X-Auth-Token": f'a"b\\{SECRET}'}),
    json.dumps({"device_secret": f"a b,c}} {SECRET}", "nonce": SECRET}),
    f'{{"device_binding_code":"{SECRET}',
    f'{{"device_binding_code":"{SECRET}\\',
    f'ing_code":"{SECRET}","sn":"DOCK1"}}',
    f"{{'device_binding_code': '{SECRET}'}}",
    f"device_binding_code={SECRET}&sn=DOCK1",
    f"MQTT_PASSWORD: {SECRET}",
    f'{{"device_binding_c\\u006fde": "{SECRET}"}}',
    f'{{"code": "a\\u0022{SECRET}"}}',
    f'{{"code": \n"{SECRET}"}}',
    f'{{"code (typed)": "{SECRET}"}}',
    f'{{"CODE": 5{SECRET}}}',
]  # fmt: skip


@pytest.mark.parametrize("text", PAYLOADS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_excerpt_hides_what_follows_a_secrets_name(text: str, encoding: str) -> None:
    assert SECRET not in excerpt(text.encode(encoding))


def test_an_excerpt_keeps_what_helps() -> None:
    text = '{"sn":"DOCK1","mode_code":5,"app_id":"1","bad":tru}'
    assert excerpt(text.encode()) == '{"sn":"DOCK1","mode_code":"…","app_id":"1","bad":tru}'


@pytest.mark.parametrize("payload", [b"x" * 10**6, b"\xff" * 10**6, b'"code"' * 10**5, b'"code":"' + b"\\" * 10**5])
def test_an_excerpt_is_one_short_line(payload: bytes) -> None:
    assert len(excerpt(payload)) <= MAX_LOGGED
    assert excerpt(b"a\nb\r\x1b[31mc\0\xe2\x80\xa8d") == "a b  [31mc d"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.parametrize("text", PAYLOADS)
def test_a_dropped_message_is_logged_without_its_secrets(text: str, logged: pytest.LogCaptureFixture) -> None:
    intake = Intake(LiveBuffer(), lambda _message: None)
    for topic in ("thing/product/DOCK1/osd", "thing/product/DOCK1/requests", "nonsense"):
        intake.take(topic, text.encode() + b",")
    assert logged.messages
    assert SECRET not in logged.text


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("malformed", [True, False])
def test_a_handled_request_is_logged_without_secrets(
    ours: Workspace,
    logged: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    published: bool,
    malformed: bool,
) -> None:
    def publish(_topic: str, _payload: bytes) -> None:
        if not published:
            raise NotPublished("no broker")

    monkeypatch.setattr(publisher, "publish", publish)
    monkeypatch.setattr(tasks.handle, "retry", lambda **_how: NotPublished("again"))
    gateway, code = make_gateway(ours), make_code(ours)
    organization_id: object = {"wrong": code} if malformed else ours.organization.organization_id
    asked = {
        "airport_organization_bind": bind_data(code, organization_id, [gateway], device_callsign=code),
        "airport_organization_get": {"device_binding_code": code, "organization_id": organization_id},
        "config": {"config_type": [code] if malformed else "json", "config_scope": "product"},
        "method_of_2099": {"device_binding_code": code},
    }
    queued: list[str] = []
    intake = Intake(LiveBuffer(), lambda message: queued.append(message.to_json()))
    for method, data in asked.items():
        intake.take(f"thing/product/{gateway}/requests", payload(method, data))
    for text in queued:
        try:
            tasks.handle(text)
        except NotPublished as error:
            logging.getLogger("celery").error("failed: %r", error)
    password = MqttCredential.objects.unscoped().get(gateway_sn=gateway).password
    for secret in (code, password, "the-app-key", "the-app-licence"):
        assert secret not in logged.text
