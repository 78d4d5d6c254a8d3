"""Of two processes that change a device, browsers hear the later one last. In the platform, with its PostgreSQL."""

import pytest

from tests.faults.field import Field
from tests.live.tenants import shell

pytestmark = pytest.mark.live

_TWO_PROCESSES = """
import json, threading
from django.db import connection, transaction
from django.utils import timezone
from devices import live, presence
from devices.models import Device, OfflineReason

Device.objects.unscoped().filter(sn={sn!r}).update(online=True, offline_reason="")
dock = Device.objects.unscoped().get(sn={sn!r})
told, slow_one_has_read, fast_one_is_done = [], threading.Event(), threading.Event()
send = live._send

def remember(workspace_id, devices):
    if devices[0]["online"]:
        slow_one_has_read.set()
        fast_one_is_done.wait(1)
    told.append(devices[0]["online"])
    send(workspace_id, devices)

@transaction.atomic
def go():
    presence.went_offline([dock], OfflineReason.SILENT, at=timezone.now())

def be_fast():
    slow_one_has_read.wait(10)
    go()
    fast_one_is_done.set()
    connection.close()

live._send = remember
fast = threading.Thread(target=be_fast)
fast.start()
live.changed([dock.sn])
fast.join()
print(json.dumps(told))
"""


def test_what_was_true_last_is_told_last(small_field: Field) -> None:
    [dock] = small_field.settled_docks(1)
    assert shell(small_field.platform, _TWO_PROCESSES.format(sn=dock.sn)) == [True, False]
