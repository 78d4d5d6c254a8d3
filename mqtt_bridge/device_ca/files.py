"""Where the device CA is kept. The key is for us alone; the broker reads the certificate and the revocation list."""

import os
import signal
import tempfile
from pathlib import Path

from django.conf import settings


def key() -> Path:
    return Path(settings.DEVICE_CA_DIR) / "ca.key"


def certificate() -> Path:
    return Path(settings.DEVICE_CA_PUBLIC_DIR) / "ca.pem"


def crl() -> Path:
    return Path(settings.DEVICE_CA_PUBLIC_DIR) / "crl.pem"


def write(path: Path, content: bytes, *, mode: int) -> None:
    """Replaces the file in one step. Raises OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def reload_own_broker() -> bool:
    """Makes the Mosquitto of `make run` read the revocation list anew; False if there is none, or it is another's."""
    try:
        pid = int((settings.DATA_DIR / "mosquitto" / "mosquitto.pid").read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() != "mosquitto":
            return False
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True
