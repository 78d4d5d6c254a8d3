"""The conventions of the DJI-compatible paths, which hold for each of them."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from cloudapi.dji.paths import UNKNOWN_KEY
from cloudapi.valkey import counts
from tests.unit.dji import MANAGE, ask, member, token
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db
SN = "DOCK0001"
#: Method, path and body of everything that needs a token. `{ws}` stands for the workspace.
WITH_TOKEN: list[tuple[str, str, Any]] = [
    ("POST", "/logout", {}),
    ("POST", "/token/refresh", {}),
    ("GET", "/users/current", None),
    ("POST", "/users/current/mqtt", {"gateway_sn": "RC1"}),
    ("GET", "/pilot/license", None),
    ("GET", "/workspaces/current", None),
    ("GET", "/users/{ws}/users", None),
    ("GET", "/devices/{ws}/devices", None),
    ("GET", "/devices/{ws}/devices/bound", None),
    ("GET", f"/devices/{{ws}}/devices/{SN}", None),
    ("PUT", f"/devices/{{ws}}/devices/{SN}", {"nickname": "Heron"}),
    ("POST", f"/devices/{SN}/binding", {}),
    ("DELETE", f"/devices/{SN}/unbinding", None),
    ("GET", "/workspaces/{ws}/devices/topologies", None),
]
IN_WORKSPACE = [case for case in WITH_TOKEN if "{ws}" in case[1]]
IDS = [f"{method} {path}" for method, path, _body in WITH_TOKEN]


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.MQTT_BROKER = "amqtt"  # nothing is pushed to it


@pytest.mark.parametrize(("method", "path", "body"), WITH_TOKEN, ids=IDS)
@pytest.mark.parametrize("given", [None, "", "null", "undefined", "garbage", "ä\x80", "a" * 5000])
def test_without_a_valid_token_it_is_http_401(
    ours: Workspace, method: str, path: str, body: Any, given: str | None
) -> None:
    answer = ask(method, path.format(ws=ours.workspace_id), body, token=given)
    assert answer.status == 401
    assert answer.body.keys() <= {"code", "message"}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", sorted({path for _method, path, _body in [*WITH_TOKEN, ("", "/login", None)]}))
def test_a_preflight_needs_no_token(ours: Workspace, path: str) -> None:
    asked = {"Origin": "https://web.example", "Access-Control-Request-Headers": "x-auth-token,content-type"}
    answer = ask("OPTIONS", path.format(ws=ours.workspace_id), headers=asked)
    assert (answer.status, answer.body) == (200, {})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert {"GET", "POST", "PUT", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"x-auth-token", "content-type"} <= set(allowed)


def test_a_body_may_be_as_large_as_the_setting_says(db: None, settings: Any) -> None:
    body = {"username": "x" * 2000, "password": "x", "flag": 1}
    settings.HTTP_MAX_BODY = 1000
    assert "larger than 1000 bytes" in ask("POST", "/login", body).message
    settings.HTTP_MAX_BODY = 3000
    assert "username: " in ask("POST", "/login", body).message


@pytest.mark.parametrize(("method", "path", "body"), WITH_TOKEN, ids=IDS)
def test_a_wrong_method_is_an_answer(ours: Workspace, method: str, path: str, body: Any) -> None:
    wrong = "PATCH" if path.endswith(SN) else {"GET": "POST", "POST": "GET", "DELETE": "GET"}[method]
    answer = ask(wrong, path.format(ws=ours.workspace_id), body, token=token(ours, Role.ADMIN))
    assert answer.refused, answer


@pytest.mark.parametrize(("method", "path", "body"), IN_WORKSPACE)
def test_the_path_names_the_token_s_workspace_or_nothing(
    ours: Workspace, theirs: Workspace, method: str, path: str, body: Any
) -> None:
    given = token(ours, Role.ADMIN)
    own = ask(method, path.format(ws=ours.workspace_id), body, token=given)
    for same in ("", "null", "undefined", str(ours.workspace_id).upper(), ours.workspace_id.hex):
        assert ask(method, path.format(ws=same), body, token=given).body == own.body, same
    for other in (theirs.workspace_id, "00000000-0000-4000-8000-000000000000", "1", "%00", "' OR 1=1", "None"):
        answer = ask(method, path.format(ws=other), body, token=given)
        assert answer.refused, other
        assert "workspace" in answer.message


@pytest.mark.parametrize(
    "path",
    ["/manage/api/v1/nothing", "/map/api/v1/workspaces/x/element-groups", "/media/api/v1/files/x/files",
     "/wayline/api/v1/workspaces/x/waylines", "/storage/api/v1/workspaces/x/sts", "/control/api/v1/devices/x/jobs/y",
     "/manage/api/v2/login", "/manage/api/", "/manage/api/v1/live/capacity", "/manage/api/v1/%00/\x80"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
def test_unknown_paths_are_answered_and_counted(valkey: str, path: str, method: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path, b"{]", content_type="text/html")
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    if method != "HEAD":
        assert answer.json()["code"] == 210003
        assert answer.json()["message"]
    assert sum(counts(UNKNOWN_KEY).values()) == 1


def test_unknown_paths_are_answered_without_valkey_and_our_own_are_404() -> None:
    assert ask("GET", "/nothing").refused
    for path in ("/manage/", "/manageapi/v1/login", "/api/v1/nothing", "/nothing"):
        assert Client().get(path).status_code == 404, path


def test_a_second_slash_is_tolerated(ours: Workspace) -> None:
    given = token(ours, Role.ADMIN)
    assert ask("GET", f"/{MANAGE}/workspaces/current", token=given).data["workspace_id"] == str(ours.workspace_id)
    assert ask("GET", f"/{MANAGE}/workspaces/current").status == 401
    assert ask("GET", f"/{MANAGE}/workspaces/current/", token=given).data


@pytest.mark.parametrize(
    "query", ["?&page=1&page_size=50", "?page=&page_size=", "?page=0&page_size=0", "?page=-1&page_size=x",
              "?page=999999999999999999999", "?page=999999999&page_size=999999999", "?page=1.5", "?page=1&page=2",
              "?level=&status=All&domain=", "?domain=x", "?domain=٣", "?domain=99999999999",
              "?page=%00&domain=%00", "?format=xml", "?format=json"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/users/{ws}/users", "/devices/{ws}/devices/bound"])
def test_odd_queries_mean_the_default(ours: Workspace, path: str, query: str) -> None:
    data = ask("GET", path.format(ws="null") + query, token=token(ours, Role.ADMIN)).data
    assert data.keys() == {"list", "pagination"}
    assert data["pagination"].keys() == {"page", "page_size", "total"}
    assert all(type(value) is int for value in data["pagination"].values())
    assert 1 <= data["pagination"]["page_size"] <= 500


def test_pages(ours: Workspace) -> None:
    for number in range(7):
        member(ours, Role.VIEWER, f"v{number}")
    given = token(ours, Role.ADMIN)
    pages = [ask("GET", f"/users/null/users?page={page}&page_size=3", token=given).data for page in (1, 2, 3, 4)]
    assert [len(page["list"]) for page in pages] == [3, 3, 2, 0]
    assert pages[1]["pagination"] == {"page": 2, "page_size": 3, "total": 8}
    names = [row["username"] for page in pages for row in page["list"]]
    assert len(set(names)) == 8
    assert ask("GET", "/users/null/users", token=given).data["pagination"] == {"page": 1, "page_size": 50, "total": 8}


FIELDS = b'{"username":?,"password":?,"flag":2,"gateway_sn":?,"nickname":?,"workspace_id":?}'
BODIES = [b"", b"[]", b"null", b'"x"', b"7", b"{", b"\xff\xfe", b"{}" * 700_000, b"[" * 100_000,
          b'{"a":' * 100_000, b"NaN",
          *(FIELDS.replace(b"?", value) for value in (b"{}", b"[]", b'"a\\u0000"', b'"\\ud800"', b"null"))]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_bad_bodies_are_refused_and_logged_by_nobody(
    valkey: str, ours: Workspace, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    given = token(ours, Role.PILOT)
    assert ask("POST", "/login", body).refused
    assert ask("POST", "/users/current/mqtt", body, token=given).refused
    assert ask("PUT", f"/devices/null/devices/{SN}", body, token=token(ours, Role.ADMIN)).refused
    refreshed = ask("POST", "/token/refresh", body, token=given)
    assert refreshed.refused or body in (b"",)
    # What is not looked at may be anything.
    assert ask("DELETE", f"/devices/{SN}/unbinding", body, token=given).code == 403
    assert ask("POST", f"/devices/{SN}/binding", body, token=given).code == -1
    assert ask("POST", "/logout", body, token=given).data == ""
    assert not [record for record in caplog.records if record.exc_info], caplog.text


@pytest.mark.parametrize(
    "type_", ["application/json; charset=UTF-8", "text/plain", "application/x-www-form-urlencoded", ""]
)
def test_content_type_and_accept_do_not_matter(ours: Workspace, type_: str) -> None:
    given = token(ours, Role.PILOT)
    for accept in ("application/json, text/plain, */*", "text/html", "application/xml", "nonsense"):
        answer = ask(
            "POST", "/users/current/mqtt", {"gateway_sn": "RC1"}, token=given, type=type_, headers={"Accept": accept}
        )
        assert answer.data["mqtt_username"]
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("sn", ["%00", "%F0%9F%98%80", "a%20b", "a" * 300, "..%2F", "%ff%fe", "1' OR '1'='1"])
def test_odd_serial_numbers_are_answered(ours: Workspace, sn: str, caplog: pytest.LogCaptureFixture) -> None:
    given = token(ours, Role.ADMIN)
    assert ask("GET", f"/devices/null/devices/{sn}", token=given).refused
    assert ask("PUT", f"/devices/null/devices/{sn}", {"nickname": "x"}, token=given).refused
    assert ask("POST", f"/devices/{sn}/binding", token=given).refused
    assert ask("DELETE", f"/devices/{sn}/unbinding", token=given).refused
    assert not [record for record in caplog.records if record.exc_info], caplog.text


def test_the_schema_has_no_warnings_and_all_paths(tmp_path: Any) -> None:
    target = tmp_path / "schema.yml"
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(target))
    text = target.read_text()
    for method, path, _body in WITH_TOKEN:
        wanted = path.replace("{ws}", "{workspace_id}").replace(SN, "{sn}")
        assert f"  {MANAGE}{wanted}:\n" in text, (method, path)
    assert "name: x-auth-token" in text


def test_the_schema_s_page_needs_nothing_from_elsewhere() -> None:
    client = Client()
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert "http://" not in page.content.decode().replace("http://www.w3.org", "")
    assert "https://" not in page.content.decode()
    assert client.get("/api/schema/").status_code == 200
