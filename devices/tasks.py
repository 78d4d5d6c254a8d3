"""Transitions of presence, as Celery tasks. The worker that watches telemetry hands SNs over to them."""

from celery import shared_task
from django.db import OperationalError

from devices import presence


@shared_task(autoretry_for=(OperationalError,), retry_backoff=1, retry_backoff_max=10, max_retries=3)
def heard_again(sns: list[str]) -> None:
    presence.heard_again(sns)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=1, retry_backoff_max=10, max_retries=3)
def gone_silent(sns: list[str]) -> None:
    presence.gone_silent(sns)
