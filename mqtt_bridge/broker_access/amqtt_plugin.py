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
from mqtt_bridge.broker_access.amqtt_sessions import client_id_of
from mqtt_bridge.broker_access.roles import SERVER, Right, Role, allows, allows_early
from mqtt_bridge.models import MqttCredential, UnpinnedCredential

logger = logging.getLogger(__name__)
#: How long (s) the rights of an account are taken as they were read.
FRESH_FOR = 1.0
#: After so long (s) a refusal is looked up again: who has just been bound must not lose what it sends next.
REFUSED_FOR = 0.02
_RIGHTS: dict[Action, Right] = {
    Action.PUBLISH: "publish",
    Action.RECEIVE: "receive",
    Action.SUBSCRIBE: "subscribe",
}


class AccountsPlugin(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc]  # amqtt ships no types
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        #: User name → its roles, and until when they are fresh.
        self._roles: dict[str, tuple[list[Role], float]] = {}

    async def authenticate(self, *, session: Session) -> bool:
        username = session.username or ""
        roles = await database_sync_to_async(roles_of_login)(username, session.password or "", client_id_of(session))
        if not roles:
            logger.warning("Login refused: user name %.64r, from %s", session.username, session.remote_address)
            return False
        self._keep(username, roles)
        return True

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        if session is None or topic is None or action is None:
            return False
        roles, right = await self._roles_of(session.username or ""), _RIGHTS[action]
        if _may(roles, right, topic):
            return True
        return _may(await self._roles_of(session.username or "", fresh_for=REFUSED_FOR), right, topic)

    async def _roles_of(self, username: str, *, fresh_for: float = FRESH_FOR) -> list[Role]:
        roles, fresh_until = self._roles.get(username, ([], 0.0))
        if time.monotonic() < fresh_until - FRESH_FOR + fresh_for:
            return roles
        self._forget_stale()
        return self._keep(username, await database_sync_to_async(roles_now)(username))

    def _keep(self, username: str, roles: list[Role]) -> list[Role]:
        self._roles[username] = roles, time.monotonic() + FRESH_FOR
        return roles

    def _forget_stale(self) -> None:
        now = time.monotonic()
        self._roles = {name: kept for name, kept in self._roles.items() if now < kept[1]}


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
