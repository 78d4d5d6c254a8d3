"""Login, the way to a workspace, and the console's page itself."""

import json
import re
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from devices.console_text import console_text
from workspaces.models import Membership, Organization, Role, User, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]
PASSWORD = "a-long-enough-password"


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.objects.create(organization=Organization.objects.create(name="Alice's"), name="<b>Harbour</b>")


@pytest.fixture
def alice(workspace: Workspace) -> Client:
    return member("alice", workspace)


def member(username: str, *workspaces: Workspace, staff: bool = False) -> Client:
    user = User.objects.create_user(username, password=PASSWORD, is_staff=staff)
    for workspace in workspaces:
        Membership.objects.create(user=user, workspace=workspace, role=Role.OPERATOR)
    client = Client()
    client.force_login(user)
    return client


def console(workspace: Workspace) -> str:
    return reverse("workspace", args=[workspace.workspace_id])


def test_login_leads_to_the_page_that_was_asked_for(workspace: Workspace, alice: Client) -> None:
    client = Client()
    answer = client.get(console(workspace))
    assert answer.headers["Location"] == f"/login/?next={console(workspace)}"
    typed = {"username": "alice", "password": PASSWORD, "next": console(workspace)}
    wrong = client.post("/login/", {**typed, "password": "wrong"})
    assert wrong.status_code == 200
    assert "Please enter a correct username" in wrong.content.decode()
    assert client.post("/login/", typed).headers["Location"] == console(workspace)
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/").headers["Location"] == "/login/?next=/"


def test_login_does_not_lead_to_other_sites(alice: Client) -> None:
    typed = {"username": "alice", "password": PASSWORD, "next": "https://example.org/"}
    assert Client().post("/login/", typed).headers["Location"] == "/"


@pytest.mark.parametrize("page", ["/login/", "/admin/login/"])
def test_guessing_passwords_is_throttled_on_every_page_that_takes_one(page: str) -> None:
    User.objects.create_superuser("dora", password=PASSWORD)
    typed = {"username": "dora", "password": "wrong"}
    texts = [Client().post(page, typed, REMOTE_ADDR="192.0.2.77").content.decode() for _attempt in range(11)]
    assert ["Too many failed log-ins" in text for text in texts] == [False] * 10 + [True]
    right = {"username": "Dora", "password": PASSWORD}
    assert Client().post(page, right, REMOTE_ADDR="192.0.2.78").status_code == 200
    assert Client().post(page, {"username": "", "password": "x"}, REMOTE_ADDR="192.0.2.79").status_code == 200


def test_home_leads_to_the_only_workspace(workspace: Workspace, alice: Client) -> None:
    assert alice.get("/").headers["Location"] == console(workspace)


def test_home_lists_several_workspaces_and_only_ones_own(workspace: Workspace) -> None:
    organization = Organization.objects.create(name="Second")
    second = Workspace.objects.create(organization=organization, name="Quarry")
    Workspace.objects.create(organization=organization, name="Secret")
    page = member("bob", workspace, second).get("/").content.decode()
    assert console(workspace) in page
    assert console(second) in page
    assert "Secret" not in page


def test_home_helps_a_user_without_a_workspace() -> None:
    assert "Ask an administrator" in member("carol").get("/").content.decode()


def test_the_console_is_for_members_only(workspace: Workspace, alice: Client) -> None:
    assert alice.get(console(workspace)).status_code == 200
    refused = member("charlie").get(console(workspace))
    assert refused.status_code == 404
    assert "nothing that you may see" in refused.content.decode()
    superuser = User.objects.create_superuser("root", password=PASSWORD)
    outsider = Client()
    outsider.force_login(superuser)
    assert outsider.get(console(workspace)).status_code == 404
    assert alice.get("/workspaces/00000000-0000-4000-8000-000000000000/").status_code == 404
    assert alice.post(console(workspace)).status_code == 405


def test_the_console_tells_its_script_where_to_connect(workspace: Workspace, alice: Client) -> None:
    page = alice.get(console(workspace)).content.decode()
    found = re.search(r'<script id="console-data" type="application/json">(.*?)</script>', page)
    assert found
    data = json.loads(found[1])
    assert data["socket_path"] == f"/ws/workspaces/{workspace.workspace_id}/?detail=summary"
    assert data["devices_path"] == f"{console(workspace)}devices/"
    assert data["clock_warn_above"] == 5000
    assert data["labels"]["dock_mode"]["0"] == "Idle"
    assert data["reasons"]["left_gateway"] == "no longer connected to its gateway"
    assert workspace.organization.organization_id in page
    assert "&lt;b&gt;Harbour" in page
    assert "<b>Harbour" not in page


def test_pages_hold_nothing_inline(workspace: Workspace, alice: Client) -> None:
    for page in (alice.get(console(workspace)), Client().get("/login/"), member("bob").get("/")):
        text = page.content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=", text)
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes
        assert not re.search(r'(src|href)="(https?:)?//', text)


def test_only_admins_see_the_way_to_the_administration(workspace: Workspace, alice: Client) -> None:
    assert "/admin/" not in alice.get(console(workspace)).content.decode()
    assert "/admin/" not in member("sue", workspace, staff=True).get(console(workspace)).content.decode()
    admin = member("ada", workspace)
    Membership.objects.in_workspace(workspace).filter(user__username="ada").update(role=Role.ADMIN)
    assert "/admin/" in admin.get(console(workspace)).content.decode()


def test_pages_speak_the_language_of_the_browser_or_the_chosen_one(workspace: Workspace, alice: Client) -> None:
    assert "登录" in Client().get("/login/", headers={"accept-language": "zh-CN,zh;q=0.9"}).content.decode()
    alice.post("/language/", {"language": "zh-hans", "next": console(workspace)})
    page = alice.get(console(workspace)).content.decode()
    assert '<html lang="zh-Hans">' in page
    assert "已与网关断开" in json.dumps(page, ensure_ascii=False) or "\\u5df2\\u4e0e\\u7f51\\u5173" in page


def test_every_word_of_the_console_is_translated() -> None:
    with translation.override("en"):
        english = console_text()
    with translation.override("zh-hans"):
        chinese = console_text()
    same = {"4G", "—"}
    for group in ("text", "reasons"):
        pairs = zip(words(english[group]), words(chinese[group]), strict=True)
        assert [en for en, zh in pairs if en == zh and en not in same] == []
    for table in ("aircraft_mode", "dock_mode", "cover", "rainfall"):
        pairs = zip(words(group_of(english, table)), words(group_of(chinese, table)), strict=True)
        assert [en for en, zh in pairs if en == zh and en not in same] == []


def group_of(text: dict[str, object], table: str) -> object:
    labels = text["labels"]
    assert isinstance(labels, dict)
    return labels[table]


def words(table: object) -> list[str]:
    assert isinstance(table, dict)
    return list(table.values())


def test_the_compiled_translation_is_the_written_one() -> None:
    directory = Path(settings.BASE_DIR) / "locale" / "zh_Hans" / "LC_MESSAGES"
    with (directory / "django.po").open("rb") as po, (directory / "django.mo").open("rb") as mo:
        written, compiled = read_po(po, locale="zh_Hans"), GNUTranslations(mo)
    for message in written:
        if isinstance(message.id, str):
            texts = {message.string}
            found = compiled.pgettext(message.context, message.id) if message.context else compiled.gettext(message.id)
        else:
            texts = set(message.string or ())
            found = compiled.ngettext(message.id[0], message.id[1], 1)
        assert message.id == "" or (texts == {found} and found), message.id
