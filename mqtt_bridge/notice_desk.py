"""The worker's desk for what the broker says about connections: collected, and handed to a task once a tick."""

from collections import deque

import redis
from kombu.exceptions import KombuError

from devices import heard
from mqtt_bridge import notices, tasks
from mqtt_bridge.connections import Told
from mqtt_bridge.reserved import OWN_CLIENTS, UNPINNED_PREFIX

#: How many notices may wait while Valkey does not answer, and how many make one task.
MAX_NOTICES = 20_000
NOTICES_BATCH = 500


class NoticeDesk:
    """One thread takes, another hands over."""

    def __init__(self) -> None:
        self._notices: deque[Told] = deque(maxlen=MAX_NOTICES)
        self._noticed_at = 0

    def take(self, topic: str, payload: bytes) -> None:
        """Raises redis.RedisError and KombuError for the one kind that must not be lost."""
        notice = notices.read(topic, payload)
        if notice is None or notice.client_id.startswith(OWN_CLIENTS):
            return
        # Two notices never have the same moment: tasks are done in any order, and the moments tell which was later.
        self._noticed_at = max(heard.now_ms(), self._noticed_at + 1)
        username = notice.username if isinstance(notice, notices.Connected) else None
        told = (notice.client_id, username, self._noticed_at)
        if username is not None and username.startswith(UNPINNED_PREFIX):
            tasks.told.apply_async(([told],), retry=False)  # this one must not be lost: a pilot waits for it
        else:
            self._notices.append(told)

    def hand_over(self) -> None:
        """Once a tick: when the broker was restarted, thousands come at once. What a killed worker takes with it shows
        by silence. Raises redis.RedisError and KombuError; then the notices wait."""
        batch = [self._notices.popleft() for _ in range(min(len(self._notices), NOTICES_BATCH))]
        try:
            if batch:
                tasks.told.apply_async((batch,), retry=False)
        except (redis.RedisError, KombuError):
            self._notices.extendleft(reversed(batch))
            raise
