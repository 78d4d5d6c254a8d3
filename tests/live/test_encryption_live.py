"""Secrets at rest on PostgreSQL: the migration there and back, and the change of keys."""

import os
import subprocess

import psycopg
import pytest
from cryptography.fernet import Fernet

from cloudapi.platform import BASE_DIR, processes
from tests.environment import FIELD_ENCRYPTION_KEY
from tests.servers import PostgreSQL

pytestmark = pytest.mark.live


def manage(url: str, keys: str, *arguments: str) -> str:
    env = {**os.environ, "DATABASE_URL": url, "FIELD_ENCRYPTION_KEYS": keys}
    done = subprocess.run(
        processes.manage(*arguments), env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stored(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT app_key, app_license FROM workspaces_organization").fetchall()
    return [str(value) for row in rows for value in row]


def test_plain_secrets_are_sealed_rotated_and_opened_again(postgres: PostgreSQL) -> None:
    url, old, new = postgres.create_database(), FIELD_ENCRYPTION_KEY, Fernet.generate_key().decode()
    manage(url, old, "migrate", "workspaces", "0001")
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO workspaces_organization (organization_id, name, app_id, app_key, app_license, ntp_server_host,"
            " ntp_server_port, created_at) VALUES ('1', 'One', '1', 'plain-key', %s, 'ntp', 123, now())",
            ["x" * 2048],
        )
    manage(url, old, "migrate")
    sealed = stored(url)
    assert [value[:7] for value in sealed] == ["fernet:"] * 2
    assert "Encrypted 2 secrets" in manage(url, f"{new},{old}", "rotate_encryption")
    assert not set(sealed) & set(stored(url))
    manage(url, new, "migrate", "workspaces", "0001")
    assert stored(url) == ["plain-key", "x" * 2048]
