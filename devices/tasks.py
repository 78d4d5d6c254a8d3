"""Transitions of presence, as Celery tasks. The worker that watches telemetry hands SNs over to them."""

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from devices import heard, partitions, presence, timeline

#: The last is for a task that stood still, and its database with it.
_AGAIN = (OperationalError, InterfaceError, SoftTimeLimitExceeded)


@shared_task(autoretry_for=_AGAIN, retry_backoff=1, retry_backoff_max=10, max_retries=3)
def heard_again(sns: list[str], at: int) -> None:
    """They were heard at `at` (ms). When the task had to wait for too long they may be gone again."""
    if at > heard.now_ms() - settings.OFFLINE_AFTER_SECONDS * 1000:
        presence.heard_again(sns)


@shared_task(autoretry_for=_AGAIN, retry_backoff=1, retry_backoff_max=10, max_retries=3)
def gone_silent(sns: list[str]) -> None:
    presence.gone_silent(sns)


@shared_task(autoretry_for=_AGAIN, retry_backoff=1, retry_backoff_max=10, max_retries=3)
def store_skews(skews: dict[str, int]) -> None:
    presence.store_skews(skews)


@shared_task
def prune_timeline() -> None:
    timeline.prune(timezone.now())


@shared_task
def keep_history() -> None:
    """Make the partitions of the next days and drop those that are too old."""
    now = timezone.now()
    partitions.make(now)
    partitions.drop(now)
