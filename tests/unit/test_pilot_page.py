"""The Pilot page's HTML, and that its files run in Chromium 70."""

import json
import re
from pathlib import Path

import pytest
import tree_sitter_javascript
from django.conf import settings
from django.test import Client
from django.utils import translation
from tree_sitter import Language, Node, Parser

from cloudapi import __version__
from tests.factories import make_workspace
from workspaces.pilot_text import TEXT, pilot_text

STATIC = Path(settings.BASE_DIR) / "static" / "pilot"
SCRIPTS = sorted(STATIC.glob("*.js"))
PATHS = ("/pilot/", "/pilot-login", "/pilot-login/", "/pilot/r/1732172345678/")

#: What of ECMAScript 2018 the page may use, as tree-sitter's grammar names it. Whatever is not here is newer than
#: Chromium 70 (optional chaining, class fields, private names, static blocks, …) or of no use to the page.
SYNTAX = """
program comment expression_statement lexical_declaration variable_declarator empty_statement return_statement
if_statement else_clause for_statement for_in_statement while_statement throw_statement try_statement catch_clause
finally_clause statement_block function_expression function_declaration arrow_function formal_parameters
assignment_pattern rest_pattern spread_element class class_heritage class_body method_definition super this
call_expression new_expression arguments member_expression subscript_expression parenthesized_expression
assignment_expression augmented_assignment_expression binary_expression unary_expression update_expression
ternary_expression await_expression identifier property_identifier shorthand_property_identifier object pair array
string string_fragment escape_sequence number regex regex_pattern regex_flags true false null undefined
continue_statement break_statement
"""
OPERATORS = """
( ) { } [ ] ; , . : ? => ... = += -= + - * / % ! && || === !== < > <= >= ++ -- " '
async await break catch class const continue else extends finally for function if in instanceof let new of return
throw try typeof
"""
#: Functions and properties that came after Chromium 70.
TOO_NEW = (
    "allSettled|any\\(|replaceAll|matchAll|fromEntries|globalThis|queueMicrotask|structuredClone|randomUUID|requestSubmit|"
    "replaceChildren|\\.at\\(|findLast|hasOwn\\(|WeakRef|AggregateError|showModal|\\.inert\\b|serviceWorker|clipboard\\."
)
TOO_NEW_CSS = (
    r":has\(|:is\(|:where\(|:focus-visible|\b(min|max|clamp|color-mix)\(|\binset:|aspect-ratio|\d[sdl]v[hw]\b|@layer"
)


def unknown_syntax(source: str) -> list[str]:
    """What the source uses beyond SYNTAX and OPERATORS."""
    root = Parser(Language(tree_sitter_javascript.language())).parse(source.encode()).root_node
    return sorted(set(_unknown(root, inside_async=False)))


def _unknown(node: Node, *, inside_async: bool) -> list[str]:
    found = [] if node.type in (SYNTAX if node.is_named else OPERATORS).split() else [node.type]
    text = (node.text or b"").decode()
    if node.is_missing or (node.type == "number" and "_" in text):
        found.append(text or "missing")
    if "function" in node.type or node.type == "method_definition":
        inside_async = any(child.type == "async" for child in node.children)
    if node.type == "await_expression" and not inside_async:
        found.append("await outside of async functions")
    for child in node.children:
        found += _unknown(child, inside_async=inside_async)
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_run_in_chromium_70(script: Path) -> None:
    source = script.read_text()
    assert unknown_syntax(source) == []
    code = re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)
    assert not re.search(TOO_NEW, code)


@pytest.mark.parametrize(
    "source",
    ["a?.b", "a ?? b", "a ??= b", "a ||= b", "class A { x = 1 }", "class A { #x() {} }", "const n = 1_000", "await x",
     'import a from "b"', "export default 1", "const n = 2n ** 3n", "class A { static { } }", "function ( {"],
)  # fmt: skip
def test_newer_syntax_is_noticed(source: str) -> None:
    assert unknown_syntax(source)


def test_styles_work_in_chromium_70() -> None:
    style = re.sub(r"/\*.*?\*/", "", (STATIC / "pilot.css").read_text(), flags=re.DOTALL)
    assert not re.search(TOO_NEW_CSS, style)
    for rule in re.findall(r"\{([^{}]*)\}", style):
        assert not re.search(r"(^|\s|;)(row-|column-)?gap:", rule), "flexbox has no gap before Chromium 84"


@pytest.mark.parametrize("path", PATHS)
def test_every_address_shows_the_page_and_is_never_stored(path: str) -> None:
    answer = Client().get(path)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert f'<span id="build">{__version__}</span>' in page
    assert "http://testserver/pilot/" in page
    assert not answer.cookies
    assert Client().post(path).status_code == 405


def test_the_page_holds_nothing_inline_and_nothing_foreign() -> None:
    page = Client().get("/pilot/").content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", page) == [' id="pilot-data" type="application/json"']
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "serviceWorker" not in "".join(script.read_text() for script in SCRIPTS)
    assert sorted(re.findall(r"/pilot/(\w+\.js)", page)) == [script.name for script in SCRIPTS]


@pytest.mark.django_db
def test_no_secret_is_in_the_page() -> None:
    organization = make_workspace().organization
    page = Client().get("/pilot/").content.decode()
    for secret in (organization.app_id, organization.app_key, organization.app_license, settings.MQTT_PASSWORD):
        assert secret
        assert secret not in page
    data = re.search(r'<script id="pilot-data" type="application/json">(.*?)</script>', page)
    assert data
    assert set(json.loads(data[1])) == {"build", "api", "socket", "page", "text"}


def test_the_page_speaks_the_language_of_the_browser() -> None:
    chinese = Client().get("/pilot/", headers={"accept-language": "zh-CN,zh;q=0.9"}).content.decode()
    assert '<html lang="zh-Hans">' in chinese
    assert "以飞手身份登录" in chinese
    assert "Log in as a pilot" in Client().get("/pilot/", headers={"accept-language": "de,en;q=0.5"}).content.decode()


def test_every_word_of_the_page_is_translated() -> None:
    with translation.override("en"):
        english = pilot_text()
    with translation.override("zh-hans"):
        chinese = pilot_text()
    assert [text for key, text in english.items() if chinese[key] == text] == []
    template = "".join(path.read_text() for path in (Path(settings.BASE_DIR) / "templates" / "pilot").glob("*.html"))
    with translation.override("zh-hans"):
        phrases = re.findall(r'{% translate "(.*?)" %}', template)
        assert [phrase for phrase in phrases if translation.gettext(phrase) == phrase] == []


def test_scripts_say_only_what_is_written_and_all_of_it() -> None:
    source = "".join(script.read_text() for script in SCRIPTS)
    assert [key for key in re.findall(r'say\("([\w.]+)"[,)]', source) if key not in TEXT] == []
    # Some keys are put together: "link." and a state, "problem." and a name.
    assert [key for key in TEXT if f'"{key}"' not in source and f'"{key.partition(".")[2]}"' not in source] == []
