"""Handlers: plain functions `(context, payload) -> data of the reply`. No client, JSON, topic or Celery in them."""
