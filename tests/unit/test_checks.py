"""Wrong settings become sentences with an id, and the right ones stay silent."""

from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from pytest_django.fixtures import Settings

import cloudapi.checks as ours
from tests.environment import FIELD_ENCRYPTION_KEY

PRODUCTION = {
    "SECRET_KEY": "k" * 64,
    "FIELD_ENCRYPTION_KEYS": [FIELD_ENCRYPTION_KEY],
    "DEBUG": False,
    "PUBLIC_URL": "https://cloudapi.example",
    "ALLOWED_HOSTS": ["cloudapi.example"],
    "REDIS_URL": "redis://:secret@valkey:6379/0",
    "MQTT_BROKER": "dynsec",
    "MQTT_USERNAME": "server",
    "MQTT_PASSWORD": "secret",
}


@pytest.fixture
def production(settings: Settings, tmp_path: Path) -> Settings:
    settings.DATA_DIR = tmp_path
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    return settings


def found() -> list[str]:
    messages = ours.always(None) + ours.in_production(None)
    assert all(message.hint for message in messages)
    return [message.id or "" for message in messages]


def test_settings_fit_for_production_are_silent(production: Settings) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "identity"),
    [
        ("SECRET_KEY", "short", "cloudapi.E001"),
        ("FIELD_ENCRYPTION_KEYS", [FIELD_ENCRYPTION_KEY, "short"], "cloudapi.E017"),
        ("FIELD_ENCRYPTION_KEYS", [], "cloudapi.E018"),
        ("MQTT_USERNAME", "", "cloudapi.E003"),
        ("MQTT_PASSWORD", "", "cloudapi.E003"),
        ("MQTT_BROKER", "rabbit", "cloudapi.E004"),
        ("REDIS_URL", "http://valkey:6379", "cloudapi.E005"),
        ("REDIS_URL", "valkey:6379", "cloudapi.E005"),
        ("PUBLIC_URL", "cloudapi.example", "cloudapi.E006"),
        ("LIVE_TICK_SECONDS", 0.0, "cloudapi.E007"),
        ("LIVE_TICK_SECONDS", float("nan"), "cloudapi.E007"),
        ("OFFLINE_AFTER_SECONDS", -1.0, "cloudapi.E008"),
        ("TIMELINE_DAYS", -1.0, "cloudapi.E016"),
        ("MQTT_PORT", 70000, "cloudapi.E009"),
        ("MQTT_TLS_PORT", 0, "cloudapi.E009"),
        ("MQTT_TLS_CERT", "/cert.pem", "cloudapi.E019"),
        ("MQTT_TLS_KEY", "/key.pem", "cloudapi.E019"),
        ("MQTT_CLIENT_AUTH_PORT", 8884, "cloudapi.E020"),
        ("MQTT_BROKER", "amqtt", "cloudapi.E011"),
        ("MQTT_BROKER", "emqx", "cloudapi.E021"),
        ("MQTT_BROKER", "emqx", "cloudapi.W023"),
        ("PUBLIC_URL", "http://cloudapi.example", "cloudapi.W012"),
        ("REDIS_URL", "redis://valkey:6379/0", "cloudapi.W013"),
        ("ALLOWED_HOSTS", ["*"], "cloudapi.W014"),
        ("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"], "cloudapi.W014"),
        ("DEBUG", True, "cloudapi.E015"),
    ],
)
def test_a_wrong_setting_is_named(production: Settings, name: str, value: Any, identity: str) -> None:
    setattr(production, name, value)
    assert identity in found()


def test_emqx_with_its_secrets_is_silent(production: Settings) -> None:
    production.MQTT_BROKER = "emqx"
    production.EMQX_HTTP_SECRET = "s" * 32
    production.EMQX_API_URL, production.EMQX_API_KEY, production.EMQX_API_SECRET = "http://emqx:18083", "k", "s"
    assert found() == []
    production.EMQX_API_URL = "emqx:18083"
    assert found() == ["cloudapi.E022"]


def test_the_data_of_a_demo_are_refused_in_production(production: Settings, tmp_path: Path) -> None:
    (tmp_path / "platform.env").touch()
    assert found() == ["cloudapi.E010"]


def test_sqlite_needs_a_data_dir_that_can_be_written(production: Settings, tmp_path: Path) -> None:
    production.DATA_DIR = tmp_path / "missing"
    assert found() == ["cloudapi.E002"]


def test_no_sentence_shows_a_secret(production: Settings) -> None:
    production.REDIS_URL = "http://:valkey-secret@valkey"
    production.SECRET_KEY = "key-secret"
    production.MQTT_USERNAME = ""
    production.FIELD_ENCRYPTION_KEYS = ["field-secret"]
    text = " ".join(message.msg + str(message.hint) for message in ours.always(None) + ours.in_production(None))
    assert "secret" not in text.replace("import secrets; print(secrets", "")


def test_the_checks_are_registered() -> None:
    assert ours.always in checks.registry.registry.registered_checks
    assert ours.in_production in checks.registry.registry.deployment_checks
