"""amqtt as this platform runs it. It speaks MQTT 3.1.1 only, keeps its sessions in memory, and is for trying out.

amqtt 0.12 loses messages in three ways that matter even then, looks sessions up before it checks the password, asks no
plugin about wills, and lets sessions outlive their account; what is overridden here mends that.
"""

import asyncio
import logging
import signal
from typing import Any

from amqtt.broker import Broker, RetainedApplicationMessage
from amqtt.contexts import Action
from amqtt.errors import AMQTTError
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session
from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from mqtt_bridge.broker_access.amqtt_plugin import ended
from mqtt_bridge.broker_access.amqtt_sessions import BoundedReader, PacketTooLarge, make_own, take_up

logger = logging.getLogger(__name__)

_ACCOUNTS = "mqtt_bridge.broker_access.amqtt_plugin.AccountsPlugin"
#: How soon (s) the session of an account that has ended does.
_END_SECONDS = 1.0


class _Subscriptions(dict[str, Any]):
    """amqtt asks the plugin about each receiver while it iterates over this; a subscription made meanwhile would end
    the iteration with an error, and the message would be lost for the other receivers."""

    def items(self) -> Any:
        return list(super().items())


class _Delivery:
    """Delivers to a persistent session until the message is acknowledged, on whichever connection the session has.

    amqtt forgets a message that was under way when the connection ended, or that was not acknowledged in 5 seconds.
    """

    def __init__(self, broker: "PlatformBroker", session: Session) -> None:
        self.broker = broker
        self.session = session

    async def mqtt_publish(self, topic: str, data: bytes, qos: int, retain: bool) -> None:
        keep = qos > 0 and not self.session.clean_session
        while (handler := self.broker.connection_of(self.session)) is not None:
            try:
                await handler.mqtt_publish(topic, data, qos, retain=retain)
            except (Exception, asyncio.CancelledError):  # amqtt cancels its own waiting when the connection ends
                if not keep or self.broker.is_closing:
                    raise
                # The broker may notice only now that this connection has ended.
                await asyncio.sleep(0.1)
            else:
                return
        if keep:
            self.session.retained_messages.put_nowait(RetainedApplicationMessage(None, topic, data, qos))


class PlatformBroker(Broker):
    def __init__(self, *, host: str, port: int) -> None:
        listener = {"type": "tcp", "bind": f"{host}:{port}"}
        super().__init__({"listeners": {"default": listener}, "plugins": {_ACCOUNTS: {}}})
        self._subscriptions = _Subscriptions()
        self.is_closing = False

    async def _client_connected(self, listener_name: str, reader: Any, writer: Any) -> None:
        await super()._client_connected(listener_name, BoundedReader(reader), writer)

    async def _initialize_client_session(
        self, reader: Any, writer: Any, _remote_address: str, _remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        """The password comes first; then a new session, or the one that this account had with this client id.

        Raises AMQTTError, MQTTError or NoDataError, which the caller expects.
        """
        try:
            handler, session = await BrokerProtocolHandler.init_from_connect(reader, writer, self.plugins_manager)
        except PacketTooLarge as error:
            await writer.close()
            raise AMQTTError(f"CONNECT of {error} bytes") from error
        session.parent = 0
        if not await self._authenticate(session, self.listeners_config["default"]):
            handler.attach(session, reader, writer)
            await handler.mqtt_connack_authorize(False)
            await writer.close()
            raise AMQTTError("login refused")
        make_own(session)
        if session.clean_session:
            await self._delete_session(session.client_id)
        elif session.client_id in self._sessions:
            session = take_up(self._sessions[session.client_id][0], session)
        return handler, session

    async def _handle_disconnect(self, client_session: Session, handler: Any, disconnect_waiter: Any) -> None:
        if client_session.will_flag:
            client_session.will_flag = await self._topic_filtering(
                client_session, client_session.will_topic, Action.PUBLISH
            )
        await super()._handle_disconnect(client_session, handler, disconnect_waiter)

    async def end_sessions(self) -> None:
        """End the connections of accounts that have ended or got another password, again and again."""
        while True:
            await asyncio.sleep(_END_SECONDS)
            logins = [(session, (session.username or "", session.password or "")) for session in self._connected()]
            try:
                out = await database_sync_to_async(ended)({login for _session, login in logins})
            except DatabaseError as error:
                logger.warning("Accounts could not be checked: %s", error)
                continue
            for session, login in logins:
                if login in out and (handler := self.connection_of(session)) is not None:
                    logger.warning("The account %.64r has ended, so its session does", session.username)
                    await handler.handle_connection_closed()

    def _connected(self) -> list[Session]:
        return [session for session, _handler in self._sessions.values() if self.connection_of(session) is not None]

    async def shutdown(self) -> None:
        self.is_closing = True
        await super().shutdown()

    def connection_of(self, session: Session) -> Any:
        """The handler of the session's connection, None while it has none."""
        return super()._get_handler(session) if session.transitions.state == "connected" else None

    def _get_handler(self, session: Session) -> Any:
        return _Delivery(self, session)

    async def _publish_session_retained_messages(self, session: Session) -> None:
        """Deliver what arrived while a persistent session was away.

        amqtt marks these messages as retained, which the standard forbids, and which receivers have to drop.
        """
        while not session.retained_messages.empty():
            message = session.retained_messages.get_nowait()
            delivery = _Delivery(self, session).mqtt_publish(message.topic, message.data, message.qos, retain=False)
            self._tasks_queue.append(asyncio.ensure_future(delivery))


async def run(*, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises amqtt's BrokerError when the address cannot be bound."""
    logging.getLogger("amqtt").setLevel(logging.WARNING)
    logging.getLogger("transitions").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    broker = PlatformBroker(host=host, port=port)
    await broker.start()
    ending = asyncio.create_task(broker.end_sessions())
    await stop.wait()
    ending.cancel()
    await broker.shutdown()
