"""What is logged holds no secret and no forged line: one row for each way in which one could get there."""

import base64
import json
import logging
import re
import secrets
import sys

import pytest
from celery import signals
from django.conf import settings

from cloudapi import logs
from cloudapi.logs import HIDDEN, SafeFormatter, redacted

SECRET = "Zq7/xVk-9_Wt.R2m"
CODE = "ZQ7XVK9WTR2M"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {base64.b64encode(SECRET.encode()).decode()}".replace("=", ""),
        f"Cookie: sessionid={SECRET}; csrftoken={SECRET}",
        f"Set-Cookie: __Host-sessionid={SECRET}; Path=/; Secure",
        f"x-auth-token: {SECRET}",
        f"[(b'x-auth-token', b'{SECRET}'), (b'cookie', b'sessionid={SECRET}; a=b')]",
        f"{{'headers': [['authorization', 'Bearer {SECRET}']]}}",
        f'127.0.0.1:5 - - "WSCONNECT /api/v1/ws?x-auth-token={SECRET}" - -',
        f"/api/v1/ws?a=b&x-auth-token={SECRET}&c=d failed",
        f"login failed: username=anna&password={SECRET}",
        f"{{'username': 'anna', 'password': '{SECRET}'}}",
        json.dumps({"password": f'a"{SECRET}'}),
        json.dumps(json.dumps({"mqtt_password": SECRET})),
        json.dumps([[json.dumps(json.dumps({"device_binding_code": CODE, "sn": "DOCK1"}))], {}]),
        f'[[\'{{\\\\"device_binding_code\\\\": \\\\"{CODE}\\\\"}}\'], {{}}]',
        f"bind code {CODE}".replace("code ", "code: "),
        f"bind_code='{CODE}' max_docks=1",
        f"app_key={SECRET} app_license='{SECRET} {SECRET}'",
        f'{{"app_id": "1", "app_key": "{SECRET}", "license": "{SECRET}"}}',
        f"MQTT_PASSWORD={SECRET}",
        f"mqtt_password: {SECRET}",
        f"SECRET_KEY = '{SECRET}'",
        f"connecting to redis://:{SECRET.replace('/', '')}@valkey:6379/0".replace(SECRET.replace("/", ""), "s" + CODE),
        f"postgres://cloudapi:{CODE}@db/cloudapi is not there",
        f"smtp+tls://me:{CODE}@mail.example:587",
        f"credential: {SECRET}",
        f"DETAIL:  Failing row contains (token={SECRET}, 5)",
        f"Internal Server Error: /password/MTI/{CODE}/",
        f'127.0.0.1:5 - - "GET /password/MTI/{CODE}" 500',
    ],
)
def test_a_named_secret_is_hidden(text: str) -> None:
    shown = redacted(text)
    assert HIDDEN in shown
    for secret in (SECRET, CODE, SECRET.replace("/", ""), base64.b64encode(SECRET.encode()).decode().rstrip("=")):
        assert secret not in shown


@pytest.mark.parametrize(
    "secret",
    [secrets.token_urlsafe(32), "MFRGGZDFMZTWQ2LKNNWG23TPOB", settings.SECRET_KEY, settings.MQTT_PASSWORD],
    ids=["access token", "password of a gateway", "SECRET_KEY", "MQTT_PASSWORD"],
)
def test_secrets_of_the_platform_are_hidden_wherever_they_stand(secret: str) -> None:
    assert redacted(f"unexpected: <{secret}> {secret}") == f"unexpected: <{HIDDEN}> {HIDDEN}"


def test_every_secret_setting_is_known_by_value() -> None:
    """A new one whose name says so needs a row in cloudapi.logs; those in addresses are found by it."""
    named = {name for name in dir(settings) if re.search(r"SECRET|PASSWORD|PASSPHRASE", name)}
    no_secrets = {"AUTH_PASSWORD_VALIDATORS", "PASSWORD_HASHERS", "PASSWORD_RESET_TIMEOUT", "SECRET_KEY_FALLBACKS"}
    assert named - no_secrets == set(logs._SETTINGS)


@pytest.mark.parametrize(
    "text",
    [
        "airport_organization_bind of 4TADL0C001 refused: the result is 210231",
        "The broker could not be told of a log-out yet: timed out",
        "dropped (no JSON) thing/product/1581F5BKD23100012345/osd",
        "Task devices.tasks.judge[0a1b2c3d-0000-4000-8000-0123456789ab] succeeded in 0.01s: None",
        "The token is invalid or expired.",
        "mode_code: 5, error code: 210230, license expired",
        "http://127.0.0.1:8000/workspaces/ is reached",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def line(message: str, *arguments: object, level: int = logging.INFO) -> str:
    exc_info = sys.exc_info() if level == logging.ERROR else None
    record = logging.LogRecord("devices", level, __file__, 1, message, arguments, exc_info)
    return SafeFormatter().format(record)


@pytest.mark.parametrize(
    "forged",
    [
        "DOCK1\n2026-01-01 00:00:00,000 INFO workspaces: login admin",
        "DOCK1\r\n2026-01-01 00:00:00,000 INFO workspaces: login admin",
        "DOCK1\x1b[2K\x1b[1A",
        "DOCK1\x00\x08\x7f",
        "DOCK1\x85\u2028\u2029 INFO",
        "DOCK1\u202e\u2066nimda",
        "DOCK1\tINFO",
    ],
)
def test_who_chooses_a_name_cannot_write_a_line(forged: str) -> None:
    for shown in (line("%s connected", forged), line(f"{forged} connected")):
        assert len(shown.splitlines()) == 1
        assert shown.isprintable()
        assert "DOCK1\\" in shown


def test_a_traceback_is_indented_and_redacted() -> None:
    try:
        password = {"password": SECRET}
        raise ValueError(f"{password}\n2026-01-01 00:00:00,000 INFO forged: login admin")
    except ValueError:
        shown = line("failed for %s", "a\nb", level=logging.ERROR)
    first, *others = shown.splitlines()
    assert first.endswith("failed for a\\nb")
    assert all(other.startswith("    ") for other in others)
    assert "Traceback" in others[0]
    assert SECRET not in shown


def test_every_handler_of_every_process_formats_safely() -> None:
    formatters = [handler.formatter for handler in logging.getLogger().handlers if handler.name == "stderr"]
    assert [type(formatter) for formatter in formatters] == [SafeFormatter]
    assert signals.setup_logging.receivers, "Celery would log by handlers of its own"
    for name in ("django", "django.request", "daphne", "celery", "celery.task", "asyncio"):
        handlers = logging.getLogger(name).handlers
        names = {handler.name for handler in handlers if not isinstance(handler, logging.NullHandler)}
        assert names <= {"console", "mail_admins"}  # Django's: the one while debugging, the other for ADMINS
