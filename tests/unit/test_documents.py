"""What the documents point at is there."""

import re
from pathlib import Path

import pytest

from cloudapi.platform import BASE_DIR

DOCUMENTS = [*BASE_DIR.glob("*.md"), *(BASE_DIR / "docs").glob("*.md")]
APPS = ("cloudapi", "workspaces", "devices", "mqtt_bridge")
#: A file of ours as the documents write it.
FILE = re.compile(r"`((?:cloudapi|workspaces|devices|mqtt_bridge|tests|bench|deploy|docs)/[\w./-]+)`")


def name_of(document: Path) -> str:
    return str(document.relative_to(BASE_DIR))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_and_files_are_there(document: Path) -> None:
    text = document.read_text()
    linked = {document.parent / link for link in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)}
    named = {BASE_DIR / path for path in FILE.findall(text)}
    made_by_people = {BASE_DIR / "deploy" / "production.env"}
    assert {str(path) for path in (linked | named) - made_by_people if not path.exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_to_headings_find_them(document: Path) -> None:
    headings = re.findall(r"(?m)^#+ (.*)$", document.read_text())
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", document.read_text())) <= anchors


def test_facts_about_devices_that_the_code_names_are_in_their_table() -> None:
    table = set(re.findall(r"(?m)^\| ([BJNT]\d+) \|", (BASE_DIR / "docs" / "device-facts.md").read_text()))
    code = "".join(path.read_text() for app in APPS for path in (BASE_DIR / app).rglob("*.py"))
    named = set(re.findall(r"\b([BJNT]\d{1,2})\)", code))
    assert len(named) > 5
    assert named <= table
