"""What consumes tasks in a Celery worker, so that it outlives Valkey."""

import logging
from typing import Any

from celery.worker.consumer import Consumer

log = logging.getLogger(__name__)


class LastingConsumer(Consumer):
    """Celery 5.7.0 closes a channel twice when Valkey is gone. If tasks are not acknowledged, the second time wants to
    give them back, does not know any more to whom, and ends the worker, or lets it hang. They come back by themselves
    (`visibility_timeout`)."""

    def on_connection_error_after_connected(self, exc: Exception) -> Any:
        try:
            return super().on_connection_error_after_connected(exc)
        except AttributeError as error:
            log.info("The connection to Valkey was closed by halves: %s", error)
