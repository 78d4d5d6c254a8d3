"""Project package: settings, URLs, ASGI, Celery, system checks and the embedded platform of `make run`."""

from cloudapi.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
