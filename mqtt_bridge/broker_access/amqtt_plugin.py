"""amqtt's side of the accounts: logins are checked against our tables, topics against the same roles as elsewhere."""

import hmac
import logging

from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session
from channels.db import database_sync_to_async
from django.conf import settings

from mqtt_bridge import controllers
from mqtt_bridge.broker_access.amqtt_sessions import client_id_of
from mqtt_bridge.broker_access.roles import SERVER, Right, Role, allows, required_client_id, roles_for
from mqtt_bridge.models import MqttCredential, UnpinnedCredential

logger = logging.getLogger(__name__)
_ROLES = "cloudapi.roles"
_RIGHTS: dict[Action, Right] = {
    Action.PUBLISH: "publish",
    Action.RECEIVE: "receive",
    Action.SUBSCRIBE: "subscribe",
}


class AccountsPlugin(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc]  # amqtt ships no types
    async def authenticate(self, *, session: Session) -> bool:
        roles = await database_sync_to_async(roles_of_login)(
            session.username or "", session.password or "", client_id_of(session)
        )
        if not roles:
            logger.warning("Login refused: user name %.64r, from %s", session.username, session.remote_address)
            return False
        # A persistent session keeps them while its client is away, for the messages that wait for it.
        session.attributes[_ROLES] = roles
        return True

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        if session is None or topic is None or action is None:
            return False
        return allows(session.attributes.get(_ROLES, ()), _RIGHTS[action], topic)


def roles_of_login(username: str, password: str, client_id: str) -> list[Role]:
    """The roles that a user name and password give; none for a wrong one."""
    if settings.MQTT_USERNAME and username == settings.MQTT_USERNAME:
        is_right = bool(settings.MQTT_PASSWORD) and _same(password, settings.MQTT_PASSWORD)
        return [SERVER] if is_right else []
    waiting = UnpinnedCredential.objects.unscoped().filter(username=username).first()
    if waiting is not None and _same(password, waiting.password):
        controllers.pin(username=username, client_id=client_id)
    credential = MqttCredential.objects.unscoped().filter(username=username).first()
    if credential is None or not _same(password, credential.password):
        return []
    return roles_for(credential) if required_client_id(credential) in ("", client_id) else []


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
