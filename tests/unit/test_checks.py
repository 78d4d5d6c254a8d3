"""Wrong settings become sentences with an id, and the right ones stay silent."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

import cloudapi.checks as ours
from cloudapi.platform import BASE_DIR, processes
from tests.environment import FIELD_ENCRYPTION_KEY

SECRET_KEY = "P7mXzW0c1eQn5uJrV9tKsB3yHdLgA8fRxO2iTqUoYvEwNbZkC4jM6hSpGl-aD_F0vWq3nXz8Ks1RtYb5"
PRODUCTION = {
    "SECRET_KEY": SECRET_KEY,
    "FIELD_ENCRYPTION_KEYS": [FIELD_ENCRYPTION_KEY],
    "DEBUG": False,
    "PUBLIC_URL": "https://cloudapi.example",
    "ALLOWED_HOSTS": ["cloudapi.example"],
    "REDIS_URL": "redis://:Wm3kP0vT9xQe2LrA@valkey:6379/0",
    "MQTT_BROKER": "dynsec",
    "MQTT_USERNAME": "server",
    "MQTT_PASSWORD": "hN5yB8uZ1cGd7JfS",
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
        ("LIVE_LOOK_SECONDS", 60.0, "cloudapi.E027"),
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
        ("SECRET_KEY", "k" * 64, "cloudapi.E024"),
        ("SECRET_KEY", "django-insecure-" + SECRET_KEY, "cloudapi.E024"),
        ("MQTT_PASSWORD", "changeme", "cloudapi.E024"),
        ("MQTT_PASSWORD", "server", "cloudapi.E024"),
        ("REDIS_URL", "redis://:valkey@valkey:6379/0", "cloudapi.E024"),
        ("DATABASES", {"default": {"ENGINE": "postgresql", "PASSWORD": "cloudapi"}}, "cloudapi.E024"),
        ("MQTT_PASSWORD", SECRET_KEY, "cloudapi.E025"),
        ("REDIS_URL", "redis://valkey:port/0", "cloudapi.E005"),
        ("PUBLIC_URL", "https://cloudapi.example:port", "cloudapi.E006"),
        ("MQTT_PUBLIC_SCHEME", "mqtts", "cloudapi.E026"),
        ("TOKEN_HOURS", 0.0, "cloudapi.E027"),
        ("TOKEN_CHECK_SECONDS", 60.0, "cloudapi.E027"),
        ("CELERY_WORKER_CONCURRENCY", 0, "cloudapi.E027"),
        ("HTTP_MAX_BODY", 0, "cloudapi.E027"),
        ("SOCKETS_PER_USER", 0, "cloudapi.E027"),
        ("STATE_SECONDS", 0.0, "cloudapi.E027"),
        ("HISTORY_DAYS", 0, "cloudapi.E027"),
        ("SLOW_SOCKET_SECONDS", 0.0, "cloudapi.E027"),
        ("SESSION_HOURS", 0.0, "cloudapi.E027"),
    ],
)
def test_a_wrong_setting_is_named(production: Settings, name: str, value: Any, identity: str) -> None:
    setattr(production, name, value)
    assert identity in found()


def test_a_number_out_of_its_range_is_named_by_the_variable_that_people_set(production: Settings) -> None:
    explained = (BASE_DIR / ".env.example").read_text()
    for name in ours.values.RANGES:
        setattr(production, name, -1)
    messages = [message for message in ours.values.ranges() if isinstance(message.msg, str)]
    assert len(messages) == len(ours.values.RANGES)
    for message in messages:
        assert f"#{message.msg.split()[0]}=" in explained, message


def test_emqx_with_its_secrets_is_silent(production: Settings) -> None:
    production.MQTT_BROKER = "emqx"
    production.EMQX_HTTP_SECRET = "Jq3xVb8nMz5kTw2rYc7pLd9hSg4fHa6e"
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
    assert "valkey-secret" not in text
    assert "key-secret" not in text
    assert "field-secret" not in text


def test_the_checks_are_registered() -> None:
    assert ours.always in checks.registry.registry.registered_checks
    assert ours.in_production in checks.registry.registry.deployment_checks


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECRET_KEY", "k" * 64), ("MQTT_PASSWORD", ""), ("MQTT_PASSWORD", "changeme"), ("DEBUG", True)],
)
def test_no_process_starts_without_secrets_of_its_own(production: Settings, name: str, value: Any) -> None:
    ours.secrets.refuse()
    setattr(production, name, value)
    with pytest.raises(ImproperlyConfigured, match=r"cloudapi\.E0\d\d"):
        ours.secrets.refuse()


def test_a_demo_starts_and_debugging_at_home_too(production: Settings, tmp_path: Path) -> None:
    production.MQTT_PASSWORD = "short"
    production.HTTPS = False
    (tmp_path / "platform.env").touch()
    ours.secrets.refuse()
    production.HTTPS = True
    with pytest.raises(ImproperlyConfigured):
        ours.secrets.refuse()
    production.DEBUG, production.ALLOWED_HOSTS = True, ["localhost"]
    ours.secrets.refuse()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PORT", "abc"),
        ("MQTT_PORT", ""),
        ("DEBUG", "maybe"),
        ("TOKEN_HOURS", "nan"),
        ("DATABASE_URL", "abc"),
        ("DATABASE_URL", "postgres://u:hidden@h:port/d"),
        ("EMAIL_URL", "smtp"),
        ("LOG_LEVEL", "loud"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("TIME_ZONE", "Mars"),
    ],
)
def test_a_malformed_variable_is_one_sentence_that_names_it(name: str, value: str) -> None:
    environment = {**os.environ, name: value}
    done = subprocess.run(
        processes.manage("check"), env=environment, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"manage.py: {name}")
    assert len(done.stderr.splitlines()) == 1
    assert "hidden" not in done.stderr
