"""A gateway's rights are brought to the broker before its answer, and never at its answer's expense."""

import socket
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from django.db import OperationalError

from mqtt_bridge.broker_access import before_answer, pace
from tests.factories import make_bound
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def hung_broker(settings: Any) -> Iterator[None]:
    """It takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.MQTT_BROKER = "dynsec"
        settings.MQTT_HOST, settings.MQTT_PORT = server.getsockname()
        yield


@pytest.mark.usefixtures("hung_broker")
def test_a_broker_that_hangs_holds_answers_up_once_and_not_for_long(
    ours: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bound(ours, "DOCK")
    monkeypatch.setattr(before_answer, "PATIENCE", 0.5)
    began = time.monotonic()
    before_answer.settle("DOCK")
    waited = time.monotonic() - began
    assert 0.4 < waited < 3
    assert pace.is_dear(), "the next ones leave it to the keeper"
    began = time.monotonic()
    before_answer.settle("DOCK")
    assert time.monotonic() - began < 0.45, "it did not wait for the broker again"


def test_without_the_tables_the_gateway_is_answered_all_the_same(
    ours: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MQTT_BROKER = "dynsec"

    def fail(_sns: object) -> NoReturn:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(before_answer, "accesses_of_gateway", fail)
    before_answer.settle("DOCK")
