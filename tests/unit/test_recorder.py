"""The latest values and tracks in SQL."""

import pytest
from django.db import OperationalError, connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from devices import ownership, partitions, recorder, records
from devices.directory import Directory
from devices.models import Device, DeviceState, TrackPoint
from devices.recorder import Recorder
from tests.factories import Clock, make_bound
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


class Recording:
    """A recorder of DOCK and PLANE, in our workspace."""

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        make_bound(workspace, "DOCK", "PLANE")
        self.clock = clock
        self.workspace = workspace
        self.directory = Directory()
        self.directory.load()
        self.recorder = Recorder(self.directory)

    def move(self, sn: str, workspace: Workspace) -> None:
        device = Device.objects.unscoped().get(sn=sn)
        ownership.release(device=device)
        ownership.claim(sns=[sn], workspace=workspace)
        self.directory.want([sn])
        self.directory.look_up()
        self.directory.moved.clear()  # as the tick does

    def hear(self, sn: str, later: float = 0, **values: bytes) -> None:
        self.clock.forward(seconds=later)
        self.recorder.note({sn: (self.clock.ms(), values)})

    def write(self) -> None:
        self.recorder.write()

    def heights(self, sn: str = "PLANE") -> list[float | None]:
        return list(TrackPoint.objects.filter(device__sn=sn).order_by("at").values_list("height", flat=True))


@pytest.fixture
def recording(ours: Workspace, clock: Clock) -> Recording:
    return Recording(ours, clock)


def test_the_newest_of_each_device_is_one_row(recording: Recording) -> None:
    recording.hear("PLANE", height=b"1")
    recording.hear("PLANE", later=1, height=b"2", latitude=b"46.5", longitude=b"7.5", mode_code=b"5")
    recording.hear("DOCK", height=b"9")
    recording.hear("NOBODY", height=b"9")
    recording.write()
    [plane] = DeviceState.objects.filter(device__sn="PLANE")
    assert (plane.height, plane.latitude, plane.mode_code, plane.heard_at) == (2, 46.5, 5, recording.clock.now.replace(
        microsecond=recording.clock.now.microsecond // 1000 * 1000))  # fmt: skip
    assert DeviceState.objects.count() == 2


def test_an_older_row_changes_nothing(recording: Recording) -> None:
    recording.hear("PLANE", later=10, height=b"2")
    recording.write()
    recording.hear("PLANE", later=-5, height=b"1")
    recording.write()
    assert DeviceState.objects.get(device__sn="PLANE").height == 2


@override_settings(HISTORY_SECONDS=10)
def test_a_point_each_ten_seconds_while_something_changes(recording: Recording) -> None:
    for height in (b"1", b"2", b"3", b"3", b"3", b"4"):
        recording.hear("PLANE", later=5, height=height)
        recording.write()
    assert recording.heights() == [1, 3, 4]


@override_settings(HISTORY_SECONDS=0)
def test_no_tracks(recording: Recording) -> None:
    recording.hear("PLANE", height=b"1")
    recording.write()
    assert recording.heights() == []
    assert DeviceState.objects.count() == 1


def test_statements_do_not_grow_with_devices(ours: Workspace, recording: Recording) -> None:
    recording.hear("PLANE", height=b"1")
    with CaptureQueriesContext(connection) as few:
        recording.write()
    make_bound(ours, *(f"MORE-{number}" for number in range(50)))
    recording.recorder._directory.load()
    recording.recorder.note({f"MORE-{number}": (recording.clock.ms(), {"height": b"1"}) for number in range(50)})
    with CaptureQueriesContext(connection) as many:
        recording.write()
    assert len(many) == len(few)
    assert DeviceState.objects.count() == 51


@override_settings(HISTORY_SECONDS=1)
def test_what_waits_for_the_database_is_bounded_and_the_newest_stays(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_records: object) -> None:
        raise OperationalError

    monkeypatch.setattr(recorder, "MAX_POINTS", 3)
    with monkeypatch.context() as patched:
        patched.setattr(records, "store_states", away)
        for number in range(5):
            recording.hear("PLANE", later=2, height=b"%d" % number)
            recording.recorder._attempt()
    assert recording.recorder.dropped == 2
    recording.write()
    assert recording.heights() == [2, 3, 4]
    assert DeviceState.objects.get().height == 4


def test_old_days_go(recording: Recording) -> None:
    recording.hear("PLANE", height=b"1")
    recording.write()
    with override_settings(HISTORY_DAYS=3):
        assert partitions.drop(recording.clock.forward(days=3)) == 0
        assert partitions.drop(recording.clock.forward(days=1)) == 1
    assert connection.vendor == "sqlite"
    assert recording.heights() == []


def test_what_a_device_said_stays_with_its_owner_of_that_time(recording: Recording, theirs: Workspace) -> None:
    recording.hear("PLANE", height=b"1")
    recording.write()
    recording.hear("PLANE", later=20, height=b"2")
    recording.move("PLANE", theirs)
    recording.write()
    assert not DeviceState.objects.filter(device__sn="PLANE").exists()
    assert owners() == [(1, recording.workspace), (2, recording.workspace)]
    recording.hear("PLANE", later=20, height=b"3")
    recording.write()
    assert (owners()[2:], DeviceState.objects.get(device__sn="PLANE").height) == ([(3, theirs)], 3)


def owners(sn: str = "PLANE") -> list[tuple[float | None, Workspace]]:
    return [(point.height, point.workspace) for point in TrackPoint.objects.filter(device__sn=sn).order_by("at")]
