"""The environment of the tests in this process, set before Django's settings load (see conftest.py).

Nothing of the developer's own environment or `.env` gets through. The Valkey named here is started when a test asks for
the fixture `valkey`; nothing listens on the other ports.
"""

import atexit
import base64
import os
import shutil
import tempfile
from pathlib import Path

from cloudapi.platform import ports

DIRECTORY = Path(tempfile.mkdtemp(prefix="cloudapi-tests-"))
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)
REDIS_URL = f"redis://:valkey-of-the-tests@127.0.0.1:{ports.free()}/0"

FIELD_ENCRYPTION_KEY = base64.urlsafe_b64encode(b"only-for-the-tests-0123456789abc").decode()

#: What a process under test may know of the environment that pytest was started in.
INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")


def clean() -> dict[str, str]:
    """A minimal environment for a child process, with a home directory of its own."""
    home = DIRECTORY / "home"
    home.mkdir(exist_ok=True)
    return {"HOME": str(home)} | {name: os.environ[name] for name in INHERITED if name in os.environ}


def prepare() -> None:
    (DIRECTORY / "static").mkdir(exist_ok=True)  # WhiteNoise warns of a missing one
    for name in (
        "DEBUG",
        "EMAIL_URL",
        "MQTT_TLS",
        "MQTT_PUBLIC_HOST",
        "MQTT_PUBLIC_PORT",
        "MQTT_PUBLIC_SCHEME",
        "MQTT_TLS_CERT",
        "MQTT_TLS_KEY",
        "MQTT_TLS_PORT",
        "MQTT_CLIENT_AUTH_PORT",
        "DEVICE_CA_DIR",
        "DEVICE_CA_PUBLIC_DIR",
        "DEVICE_CA_PASSPHRASE",
        "SECURE_SSL_REDIRECT",
    ):
        os.environ.pop(name, None)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "cloudapi.settings",
        "SECRET_KEY": "only-for-the-tests-in-this-process-0123456789abcdefghijklmnop",
        "FIELD_ENCRYPTION_KEYS": FIELD_ENCRYPTION_KEY,
        "DATA_DIR": str(DIRECTORY),
        "DATABASE_URL": f"sqlite:///{DIRECTORY / 'db.sqlite3'}",
        "REDIS_URL": REDIS_URL,
        "MQTT_BROKER": "dynsec",
        "MQTT_HOST": "127.0.0.1",
        "MQTT_PORT": "1",
        "MQTT_USERNAME": "server",
        "MQTT_PASSWORD": "server-of-the-tests",
        "HTTP_PORT": "8000",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1],testserver",
    }
