"""Imports point one way: mqtt_bridge → devices → workspaces → cloudapi's helpers."""

import ast
from pathlib import Path

import pytest

from mqtt_bridge import topics

ROOT = Path(__file__).resolve().parents[2]
ORDER = ("cloudapi", "workspaces", "devices", "mqtt_bridge")
#: What starts the simulator, in processes of its own.
SIMULATE = ("mqtt_bridge/management/commands/simulate.py", "mqtt_bridge/management/simulated_")
#: cloudapi's own entry points know the apps, its helpers do not.
ENTRY_POINTS = {"cloudapi/asgi.py", "cloudapi/urls.py", "cloudapi/celery.py", "cloudapi/dji/urls.py"}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Full names of the modules, and of the names in them, that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = [*path.relative_to(ROOT).parts[: -node.level]] if node.level else []
            module = ".".join([*package, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", [path for app in ORDER for path in sources(app)], ids=name_of)
def test_no_module_imports_what_stands_above_it(path: Path) -> None:
    if name_of(path) in ENTRY_POINTS:
        return
    above = ORDER[ORDER.index(name_of(path).split("/")[0]) + 1 :]
    assert {name for name in imported(path) if name.split(".")[0] in above} == set()


def _texts(path: Path) -> list[str]:
    """String constants that are not docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


@pytest.mark.parametrize("path", [*sources("devices"), *sources("workspaces")], ids=name_of)
def test_devices_and_workspaces_know_no_topic(path: Path) -> None:
    spelled = ("thing/", "sys/product", "/product/", "requests_reply", "status_reply", "airport_")
    assert [text for text in _texts(path) if any(part in text for part in spelled)] == []


def test_topics_are_spelled_in_one_file_of_the_bridge() -> None:
    product = topics.reply("requests", "SN").split("SN")[0]
    files = {name_of(path) for path in sources("mqtt_bridge") if any(product in text for text in _texts(path))}
    assert {name for name in files if "/simulator/" not in name and "/broker_access/" not in name} == {
        "mqtt_bridge/topics.py"
    }


@pytest.mark.parametrize("path", sources("mqtt_bridge/handlers"), ids=name_of)
def test_handlers_know_no_client_json_celery_or_topic(path: Path) -> None:
    banned = ("paho", "json", "celery", "redis", "mqtt_bridge.topics", "mqtt_bridge.publisher", "msgspec.json")
    assert [name for name in imported(path) if name.startswith(banned)] == []


def test_the_bridge_decides_nothing_about_rows() -> None:
    """Handlers ask `devices` and `workspaces` to change rows; they change none themselves."""
    changing = {"save", "update", "delete", "create", "bulk_create", "update_or_create", "get_or_create"}
    for path in sources("mqtt_bridge/handlers"):
        called = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert called & changing == set(), name_of(path)


def test_no_test_or_simulator_is_imported_by_the_server() -> None:
    for app in ORDER:
        for path in sources(app):
            if "/simulator/" in name_of(path) or name_of(path).startswith(SIMULATE):
                continue
            names = imported(path)
            assert not [name for name in names if name.split(".")[0] == "tests"], name_of(path)
            assert not [name for name in names if name.startswith("mqtt_bridge.simulator")], name_of(path)
