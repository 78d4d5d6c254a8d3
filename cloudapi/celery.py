"""The Celery application. Tasks live in each app's `tasks.py`; every option that matters for safety is in settings."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudapi.settings")

app = Celery("cloudapi")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
