"""The Celery application. Tasks live in each app's `tasks.py`; every option that matters for safety is in settings."""

import os
import sys
import time
from typing import Any

from celery import Celery, signals
from django.core.exceptions import ImproperlyConfigured
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudapi.settings")

TRANSPORT_ALIASES["redis"] = "cloudapi.celery_transport:Transport"
app = Celery("cloudapi")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize  # see keep_good_connections


#: How often (s) a busy process looks after its connection to the database.
CONNECTION_CHECK_SECONDS = 1.0
_checked_at = 0.0


@signals.task_prerun.connect
def keep_good_connections(**_options: Any) -> None:
    """Celery's own way is a new connection to the database for each task, which costs PostgreSQL six milliseconds. This
    one closes those that are broken or too old (CONN_MAX_AGE, CONN_HEALTH_CHECKS), as before a web request, but not
    before each task: the check is a query of its own, and a task whose connection has broken meanwhile runs again."""
    global _checked_at
    if time.monotonic() - _checked_at < CONNECTION_CHECK_SECONDS:
        return
    from django.db import close_old_connections

    close_old_connections()
    _checked_at = time.monotonic()


@signals.setup_logging.connect
def leave_logging_alone(**_options: Any) -> None:
    """Celery would add handlers of its own; with a receiver, LOGGING of the settings is all there is."""


@signals.worker_init.connect
@signals.beat_init.connect
def refuse_unsafe_start(**_options: Any) -> None:
    """Like every process: no start without secrets of its own."""
    from cloudapi.checks import secrets

    try:
        secrets.refuse()
    except ImproperlyConfigured as error:
        sys.exit(f"celery: {error}")
