"""The timeline of a device as a story: who, when and why, once for what repeats, and nothing of other owners."""

import io
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation

from devices import heard, ownership, presence, story, timeline
from devices.models import Device, OfflineReason, TimelineEntry
from devices.story import Line
from devices.story_text import Teller
from tests.factories import Clock, device, make_bound, make_workspace, report_topology
from workspaces import services
from workspaces.models import Role, User, Workspace

START = datetime(2026, 5, 1, 10, 2, tzinfo=UTC)


# --- sentences --------------------------------------------------------------------------------------------------------
def told(*entries: tuple[float, str, str], gateways: Sequence[str] = ()) -> list[Line]:
    """The story, oldest first, of (seconds after START, event, detail); the gateways are docks with these callsigns."""
    known = {name: device_row(name) for name in gateways}
    rows = [
        TimelineEntry(pk=number, at=START + timedelta(seconds=after), event=event, detail=detail)
        for number, (after, event, detail) in enumerate(entries)
    ]
    return story.tell(rows, Teller("PLANE", known))[::-1]


def device_row(sn: str) -> Device:
    return Device(sn=sn, callsign=f"Harbour {sn}", domain=3)


SENTENCES = [
    ("online", "topology PLANE", "Came online: it connected and reported its topology"),
    ("online", "topology DOCK", "Came online: dock Harbour DOCK reported it in its topology"),
    ("online", "topology FOREIGN", "Came online: a gateway outside this workspace reported it in its topology"),
    ("online", "telemetry", "Came online: its messages arrive"),
    ("online", "", "Came online"),
    ("left_gateway", "DOCK", "Left: dock Harbour DOCK reported a topology without it"),
    ("gateway_offline", "DOCK silent", "Went offline with dock Harbour DOCK, which fell silent"),
    (
        "gateway_offline",
        "DOCK disconnected",
        "Went offline with dock Harbour DOCK, which lost its connection to the broker",
    ),
    ("gateway_offline", "DOCK", "Went offline with dock Harbour DOCK"),
    ("silent", "30.4 s", "Offline: silent for 30 s"),
    ("silent", "", "Offline: not heard from for 30 seconds"),
    ("disconnected", "30.4 s", "Offline: its connection to the broker did not come back within 30 s"),
    ("disconnected", "30.4 s DOCK", "Offline: dock Harbour DOCK lost its connection to the broker"),
    ("disconnected", "", "Offline: lost its connection to the broker"),
    ("connection_lost", "", "Lost its connection to the broker; 30 s of grace"),
    ("reconnected", "4.2 s", "Back after 4.2 s, stayed online"),
    ("joined_workspace", "Alpine / North: 2", "Joined workspace Alpine / North: 2"),
    ("joined_workspace", "code …7KQ2: Alpine / North", "Joined workspace Alpine / North with a bind code"),
    ("joined_workspace", "user root: Alpine / North", "Joined workspace Alpine / North, claimed by root"),
    ("joined_workspace", "gateway DOCK: A / N", "Joined workspace A / N along with dock Harbour DOCK"),
    ("released", "A / N", "Released from workspace A / N"),
    ("released", "user root: A / N", "Released from workspace A / N by root"),
    ("moved_to_gateway", "DOCK", "Changed its gateway: now behind dock Harbour DOCK"),
    ("invented_later", "FOREIGN", "invented_later"),
]


@pytest.mark.parametrize(("event", "detail", "sentence"), SENTENCES)
def test_each_event_is_a_sentence(event: str, detail: str, sentence: str) -> None:
    assert [line.text for line in told((0, event, detail), gateways=["DOCK"])] == [sentence]


@pytest.mark.parametrize(("event", "detail"), [(event, detail) for event, detail, _sentence in SENTENCES[:-1]])
def test_each_sentence_is_translated(event: str, detail: str) -> None:
    english = told((0, event, detail), gateways=["DOCK"])[0].text
    with translation.override("zh-hans"):
        chinese = told((0, event, detail), gateways=["DOCK"])[0].text
    names = {"Harbour", "DOCK", "Alpine", "North", "root", "A", "N"}
    assert english != chinese
    assert set(re.findall("[A-Za-z]+", chinese)) <= names


def test_a_return_says_how_long_the_device_was_away() -> None:
    lines = told((0, "silent", "30.0 s"), (192, "online", "telemetry"), (5000, "online", "telemetry"))
    assert lines[1].text == "Came online: its messages arrive, after 3 min 12 s offline"


# --- what repeats -----------------------------------------------------------------------------------------------------
def blips(count: int, every: float = 60) -> list[tuple[float, str, str]]:
    return [
        entry
        for number in range(count)
        for entry in (
            (every * number, "connection_lost", ""),
            (every * number + 4, "reconnected", f"{4 + number / 10:.1f} s"),
        )
    ]


def test_reconnections_within_minutes_are_one_sentence() -> None:
    [first, flapping, last] = told((-60, "online", "telemetry"), *blips(12), (900, "silent", "30.0 s"))
    assert (first.event, last.event) == ("online", "silent")
    assert flapping.text == "Lost its connection 12 times and was back each time after 5.1 s at most, stayed online"
    assert (flapping.event, flapping.count) == ("flapping", 12)
    assert (flapping.since, flapping.until) == (START, START + timedelta(seconds=664))


def test_two_times_or_hours_apart_are_no_flapping() -> None:
    assert len(told(*blips(2))) == 4
    assert len(told(*blips(5, every=3600))) == 10


@pytest.mark.parametrize(
    ("round_", "reason"),
    [
        (["silent", "online"], "not heard from for 30 seconds"),
        (["connection_lost", "disconnected", "online"], "lost its connection to the broker"),
        (["gateway_offline", "online"], "its gateway went offline"),
        (["left_gateway", "online"], "no longer connected to its gateway"),
    ],
)
def test_coming_and_going_is_one_sentence_that_begins_with_going(round_: list[str], reason: str) -> None:
    events = ["joined_workspace", "online", *round_ * 4, round_[0]]
    lines = told(*((30 * number, event, "") for number, event in enumerate(events)))
    assert [line.event for line in lines] == ["joined_workspace", "online", "flapping", round_[0]]
    assert lines[2].text == f"Went offline and came back 4 times: {reason}"


def test_an_aircraft_between_two_docks_is_one_sentence() -> None:
    [line] = told(*((number, "moved_to_gateway", f"DOCK{number % 2}") for number in range(5)))
    assert line.text == "Changed its gateway 5 times"


# --- from the things that happen --------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_day_of_an_aircraft(ours: Workspace, clock: Clock) -> None:
    make_bound(ours, "DOCK-A", "PLANE")
    for named in (["PLANE"], [], ["PLANE"]):
        clock.forward(seconds=90)
        report_topology("DOCK-A", *named)
    clock.forward(seconds=60)
    presence.went_offline([device("DOCK-A")], OfflineReason.SILENT, at=clock.now)
    clock.forward(seconds=45)
    presence.heard_again(["DOCK-A", "PLANE"])
    assert [line.text for line in story.for_workspace(device("PLANE"), ours)][::-1] == [
        f"Joined workspace {ours} with a bind code",
        "Came online: dock DOCK-A reported it in its topology",
        "Left: dock DOCK-A reported a topology without it",
        "Came online: dock DOCK-A reported it in its topology, after 1 min 30 s offline",
        "Went offline with dock DOCK-A, which fell silent",
        "Came online: its messages arrive, after 45 s offline",
    ]


@pytest.mark.django_db
@pytest.mark.live
def test_silence_is_told_with_its_length_and_the_gateway_alone_gives_the_reason(clock: Clock, valkey: str) -> None:
    report_topology("DOCK-X", "PLANE")
    heard.note({"DOCK-X": clock.ms(), "PLANE": clock.ms()})
    clock.forward(seconds=31)
    presence.gone_silent(["DOCK-X", "PLANE"])
    newest = {sn: TimelineEntry.objects.filter(device__sn=sn).latest("pk") for sn in ("DOCK-X", "PLANE")}
    assert (newest["DOCK-X"].event, newest["DOCK-X"].detail) == ("silent", "31.0 s")
    assert (newest["PLANE"].event, newest["PLANE"].detail) == ("gateway_offline", "DOCK-X silent")
    assert device("PLANE").offline_reason == OfflineReason.GATEWAY_OFFLINE


@pytest.mark.django_db
def test_the_same_loss_is_noted_once(ours: Workspace, clock: Clock) -> None:
    make_bound(ours, "DOCK-A")
    for _twice in range(2):
        timeline.note_once(device("DOCK-A"), "connection_lost", clock.now)
    assert TimelineEntry.objects.filter(event="connection_lost").count() == 1


# --- who may read it --------------------------------------------------------------------------------------------------
def browser_of(workspace: Workspace) -> Client:
    client = Client()
    client.force_login(member(workspace))
    return client


def member(workspace: Workspace) -> User:
    return User.objects.get(username=services.create_member(workspace=workspace, role=Role.VIEWER).username)


def url(workspace: Workspace, sn: str) -> str:
    return f"/workspaces/{workspace.workspace_id}/devices/{sn}/timeline/"


def texts(workspace: Workspace, sn: str) -> list[str]:
    return [line["text"] for line in browser_of(workspace).get(url(workspace, sn)).json()["lines"]]


def test_the_page_gets_it_newest_first_in_its_language(ours: Workspace, clock: Clock) -> None:
    make_bound(ours, "DOCK-A")
    clock.forward(seconds=5)
    report_topology("DOCK-A")
    answer = browser_of(ours).get(url(ours, "DOCK-A"), headers={"accept-language": "zh-CN"})
    lines = answer.json()["lines"]
    assert [line["event"] for line in lines] == ["online", "joined_workspace"]
    text = lines[0].pop("text")
    assert lines[0] == {"since": clock.ms(), "until": clock.ms(), "event": "online", "count": 1}
    assert text.startswith("已上线")
    assert "no-store" in answer.headers["Cache-Control"]


def test_outsiders_learn_nothing(ours: Workspace, theirs: Workspace) -> None:
    make_bound(ours, "DOCK-A")
    outsider = browser_of(theirs)
    assert outsider.get(url(ours, "DOCK-A")).status_code == 404
    assert outsider.get(url(theirs, "DOCK-A")).status_code == 404
    assert outsider.get(url(theirs, "NOBODY")).status_code == 404
    assert Client().get(url(ours, "DOCK-A")).status_code == 302
    assert browser_of(ours).post(url(ours, "DOCK-A")).status_code == 405


def test_a_new_owner_is_not_told_what_happened_to_the_last_one(ours: Workspace, theirs: Workspace) -> None:
    make_bound(theirs, "DOCK-B", "PLANE")
    report_topology("DOCK-B", "PLANE")
    ownership.release(device=device("PLANE"))
    timeline.note([device("PLANE")], "left_gateway", START, "DOCK-B")
    ownership.claim(sns=["PLANE"], workspace=ours)
    assert texts(ours, "PLANE") == [
        f"Joined workspace {ours}",
        "Left: a gateway outside this workspace reported a topology without it",
    ]
    next_door = make_workspace(ours.organization)
    ownership.claim(sns=["PLANE"], workspace=next_door, user=member(next_door))
    assert [text.partition(",")[0] for text in texts(next_door, "PLANE")] == [f"Joined workspace {next_door}"]
    assert browser_of(ours).get(url(ours, "PLANE")).status_code == 404


def test_pruning_does_not_open_the_time_of_the_last_owner(theirs: Workspace, clock: Clock) -> None:
    make_bound(theirs, "PLANE")
    clock.forward(days=50)
    timeline.note([device("PLANE")], "silent", clock.now)
    clock.forward(days=50)
    timeline.prune(clock.now)
    next_door = make_workspace(theirs.organization)
    ownership.claim(sns=["PLANE"], workspace=next_door)
    assert texts(next_door, "PLANE") == [f"Joined workspace {next_door}"]


def test_at_most_two_hundred_entries_are_told(ours: Workspace, django_assert_max_num_queries: Any) -> None:
    make_bound(ours, "DOCK-A")
    for number in range(0, 500, 2):
        timeline.note([device("DOCK-A")], "silent", START + timedelta(hours=number))
        timeline.note([device("DOCK-A")], "online", START + timedelta(hours=number + 1))
    with django_assert_max_num_queries(4):
        assert len(story.for_workspace(device("DOCK-A"), ours)) == 200


# --- command and upkeep -----------------------------------------------------------------------------------------------
def run(*arguments: str) -> str:
    stdout = io.StringIO()
    call_command("timeline", *arguments, stdout=stdout)
    return stdout.getvalue()


def test_the_command_tells_it_with_all_owners(ours: Workspace, theirs: Workspace, clock: Clock) -> None:
    make_bound(theirs, "DOCK-B", "PLANE")
    clock.forward(seconds=1)
    report_topology("DOCK-B", "PLANE")
    ownership.release(device=device("PLANE"))
    clock.forward(seconds=1)
    ownership.claim(sns=["PLANE"], workspace=ours)
    printed = run("PLANE")
    lines = json.loads(run("PLANE", "--json"))["lines"]
    assert [line["event"] for line in lines] == ["joined_workspace", "online", "released", "joined_workspace"]
    assert lines[1]["text"] == "Came online: dock DOCK-B reported it in its topology"
    assert [line.partition("  ")[2].strip() for line in printed.splitlines()] == [line["text"] for line in lines]
    with pytest.raises(CommandError, match="NOBODY"):
        run("NOBODY")


def test_old_entries_are_pruned_and_changes_of_owner_stay(ours: Workspace, clock: Clock) -> None:
    make_bound(ours, "DOCK-A")
    report_topology("DOCK-A")
    clock.forward(days=89)
    timeline.note([device("DOCK-A")], "silent", clock.now)
    clock.forward(days=2)
    assert timeline.prune(clock.now) == 1
    assert set(TimelineEntry.objects.values_list("event", flat=True)) == {"joined_workspace", "silent"}
