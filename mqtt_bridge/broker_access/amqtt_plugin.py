"""amqtt's side of the accounts: logins are checked against our tables, topics against the same roles as elsewhere."""

import hmac
import logging
import time
from collections.abc import Collection

from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session
from channels.db import database_sync_to_async
from django.conf import settings

from mqtt_bridge import controllers
from mqtt_bridge.broker_access.access import accesses, accesses_of
from mqtt_bridge.broker_access.amqtt_rights import KnownRights
from mqtt_bridge.broker_access.amqtt_sessions import client_id_of
from mqtt_bridge.broker_access.roles import SERVER, Right, Role, allows, allows_early
from mqtt_bridge.models import MqttCredential, UnpinnedCredential

logger = logging.getLogger(__name__)
_RIGHTS: dict[Action, Right] = {
    Action.PUBLISH: "publish",
    Action.RECEIVE: "receive",
    Action.SUBSCRIBE: "subscribe",
}


class AccountsPlugin(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc]  # amqtt ships no types
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self._rights = KnownRights(database_sync_to_async(roles_now))

    async def authenticate(self, *, session: Session) -> bool:
        username, asked_at = session.username or "", time.monotonic()
        roles = await database_sync_to_async(roles_of_login)(username, session.password or "", client_id_of(session))
        if not roles:
            logger.warning("Login refused: user name %.64r, from %s", session.username, session.remote_address)
            return False
        self._rights.note(username, roles, asked_at)
        return True

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        if session is None or topic is None or action is None:
            return False
        username, right, asked_at = session.username or "", _RIGHTS[action], time.monotonic()
        if _may(await self._rights.recent(username), right, topic):
            return True
        return _may(await self._rights.now(username, asked_at), right, topic)


def _may(roles: list[Role], right: Right, topic: str) -> bool:
    return allows(roles, right, topic) or (right == "subscribe" and allows_early(roles, topic))


def roles_now(username: str) -> list[Role]:
    """The roles of an account that has logged in; none once it has ended."""
    if settings.MQTT_USERNAME and username == settings.MQTT_USERNAME:
        return [SERVER]
    return [access.role for access in accesses_of([username])]


def ended(logins: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these logins (user name, password) that are not accepted any more."""
    server = {(settings.MQTT_USERNAME, settings.MQTT_PASSWORD)}
    now = {(access.username, access.password) for access in accesses_of([username for username, _password in logins])}
    return set(logins) - now - server


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
    [access] = accesses([credential])
    return [access.role] if access.client_id in ("", client_id) else []


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
