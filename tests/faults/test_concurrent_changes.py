"""Two processes change a device at the same time. In the platform, with PostgreSQL: SQLite does not stand for it."""

import pytest

from tests.faults.field import Field
from tests.live.tenants import shell

pytestmark = pytest.mark.live

_TWO_PROCESSES = """
import json, threading
from django.db import connection, transaction
from django.utils import timezone
from devices import live, ownership, presence
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
    presence.went_offline(ownership.lock([dock.sn]), OfflineReason.SILENT, at=timezone.now())

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


_ONE_WAITS = """
import json, threading, time
from django.db import connection, transaction
from devices import ownership
from devices.models import Device
from workspaces.models import Workspace

workspace = Workspace.objects.unscoped().first()
gateway = Device.objects.unscoped().get(sn={sn!r})
Device.objects.create(sn="CONTESTED")
found, is_locked = [], threading.Event()

def wait():
    is_locked.wait(10)
    with transaction.atomic():
        [device] = ownership.lock(["CONTESTED"])
        found.extend([device.workspace == workspace, device.gateway == gateway])
    connection.close()

waiting = threading.Thread(target=wait)
waiting.start()
with transaction.atomic():
    ownership.lock(["CONTESTED"])
    Device.objects.unscoped().filter(sn="CONTESTED").update(workspace=workspace, gateway=gateway)
    is_locked.set()
    with connection.cursor() as cursor:
        for _ in range(200):
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                break
            time.sleep(0.05)
waiting.join()
print(json.dumps(found))
"""


def test_who_waited_for_a_device_sees_its_new_owner_and_gateway(small_field: Field) -> None:
    """PostgreSQL gives who waited the row as it is then, but joined to what it belonged to before."""
    [dock] = small_field.settled_docks(1)
    assert shell(small_field.platform, _ONE_WAITS.format(sn=dock.sn)) == [True, True]
