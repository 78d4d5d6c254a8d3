"""Requests and topology updates as Celery tasks: at least once, any order, answered in every case."""

import logging

from celery import Task, shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from devices import heard
from mqtt_bridge import account_endings, broker_access, connections, dispatch, inflight, ledger, publisher, topics
from mqtt_bridge.broker_access import BrokerAccessError, before_answer
from mqtt_bridge.message import Message
from mqtt_bridge.results import INTERNAL_ERROR
from workspaces import tokens

log = logging.getLogger(__name__)

#: Seconds to wait before each further try when the database does not answer. In sum they stay below what a dock waits
#: (10 s by the simulators, B8), so that it hears of the failure.
DATABASE_RETRIES = (0.5, 1.5, 3.0)
#: What gives a gateway other rights at the broker.
CHANGING_RIGHTS = {"update_topo", "airport_organization_bind"}


@shared_task(bind=True, max_retries=None)
def handle(self: Task, text: str) -> None:  # type: ignore[type-arg]
    """Handle one message (`Message.to_json`) and publish its reply, after the commit."""
    message = Message.from_json(text)
    try:
        data = dispatch.answer(message)
    except (OperationalError, InterfaceError) as error:
        close_old_connections()
        if self.request.retries < len(DATABASE_RETRIES):
            raise self.retry(exc=error, countdown=DATABASE_RETRIES[self.request.retries]) from error
        log.error("%s of %s failed: the database does not answer", message.method, message.gateway_sn)
        data = {"result": INTERNAL_ERROR}
    except Exception:
        log.exception("%s of %s failed", message.method, message.gateway_sn)
        data = {"result": INTERNAL_ERROR}
    if message.method in CHANGING_RIGHTS:
        before_answer.settle(message.gateway_sn)
    _publish(self, message, data)
    inflight.done(self.request.id or "")


def _publish(task: Task, message: Message, data: dict[str, object]) -> None:  # type: ignore[type-arg]
    """Publish the reply. If the broker does not take it, the whole task runs again: the ledger has the reply, and a
    topology is applied to the same end."""
    payload = message.reply(data, timestamp=heard.now_ms())
    try:
        publisher.publish(topics.reply(message.kind, message.gateway_sn), payload)
    except publisher.NotPublished as error:
        if task.request.retries < 20:
            raise task.retry(exc=error, countdown=2) from error
        log.error("The reply to %s of %s could not be published: %s", message.method, message.gateway_sn, error)


@shared_task(
    autoretry_for=(OperationalError, InterfaceError, BrokerAccessError, SoftTimeLimitExceeded),
    retry_backoff=1,
    retry_backoff_max=10,
    max_retries=5,
)
def told(notices: list[connections.Told]) -> None:
    """What the broker said about connections within a tick."""
    connections.told(notices)


# What waits longer than `visibility_timeout` is taken for lost, and would run more often with each retry.
@shared_task(autoretry_for=(BrokerAccessError,), retry_backoff=2, retry_backoff_max=25, max_retries=40)
def remove_accounts(usernames: list[str]) -> None:
    """The broker did not answer when these accounts ended."""
    broker_access.remove(usernames)


@shared_task
def end_former_pilots() -> None:
    account_endings.end_former_pilots()


@shared_task
def prune_ledger() -> None:
    """Forget replies after a day, expired access tokens, unused accounts."""
    ledger.prune(timezone.now())
    tokens.prune()
    account_endings.prune()
