"""What a gateway says of itself and of others: topology, binding, replays, the `gateway` field.

Judged by the owner in the database. Guessing is throttled, so each attempt has a gateway of its own.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.mqtt_probe import Account, Probe
from tests.attacks.people import People
from tests.attacks.scene import Scene, topology
from tests.attacks.table import Attack
from tests.attacks.visitor import API, Visitor
from tests.live.dji_http import new_users
from tests.live.foreign_client import Gateway
from tests.live.stored_values import live_values
from tests.live.tenants import new_sn
from tests.processes import wait_until

pytestmark = pytest.mark.live
REFUSED, GET_REFUSED = {"result": 210234}, {"result": 210230}


@pytest.fixture(scope="module")
def attackers(scene: Scene) -> Iterator[dict[str, Any]]:
    """Accounts of docks of B that nobody has used."""
    return iter(scene.b.tenant.accounts(16))


@pytest.fixture(scope="module")
def victims(scene: Scene) -> Iterator[dict[str, Any]]:
    return iter(scene.a.tenant.accounts(6))


@pytest.fixture(scope="module")
def codes(scene: Scene) -> dict[str, Iterator[str]]:
    return {name: iter(party.tenant.codes(*[1] * 8)) for name, party in (("a", scene.a), ("b", scene.b))}


def used(scene: Scene, code: str) -> int:
    [[docks]] = scene.rows("SELECT used_docks FROM workspaces_bindcode WHERE hint = %s", code[-4:])
    return int(docks)


def errors(answer: Any) -> list[int]:
    return [row["err_code"] for row in answer["output"]["err_infos"]] if answer["result"] == 0 else [answer["result"]]


# --- topology ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("claimed", ["aircraft", "dock", "dock that is not bound", "aircraft that is away"])
@pytest.mark.parametrize("by", ["bound dock", "unbound dock"])
def test_topology_with_a_foreign(scene: Scene, by: str, claimed: str, attackers: Any, attack: Attack) -> None:
    sn = {
        "aircraft": scene.a.aircraft, "dock": scene.a.sn, "dock that is not bound": str(scene.a.free["sn"]),
        "aircraft that is away": scene.a.away_aircraft,
    }[claimed]  # fmt: skip
    before, by_sn = scene.owner(sn), scene.b.sn
    if by == "bound dock":
        answer = scene.b.dock.topology(topology(sn, scene.b.aircraft))
        attack.control(scene.b.dock.topology(topology(scene.b.aircraft)) == {"result": 0}, "its own aircraft is fine")
    else:
        with Gateway(next(attackers)) as gateway:
            answer, own, by_sn = gateway.topology(topology(sn)), new_sn("AIR"), gateway.sn
            attack.control(gateway.topology(topology(own)) == {"result": 0}, "nobody's aircraft is fine")
    assert answer == REFUSED
    assert scene.owner(sn) == before
    assert scene.rows(
        "SELECT 1 FROM workspaces_auditentry WHERE action = 'topology.refused' AND gateway_sn = %s", by_sn
    )
    attack.stopped("210234, audited, the owner stays")


def test_topology_for_ever(scene: Scene, attackers: Any, attack: Attack) -> None:
    """A stolen account invents aircraft, and says what it may not, to fill what is kept for ever."""
    lines = "SELECT count(*) FROM workspaces_auditentry WHERE gateway_sn = %s AND action = %s"
    with Gateway(next(attackers)) as gateway:
        own = new_sn("AIR")
        attack.control(gateway.topology(topology(own)) == {"result": 0}, "nobody's aircraft is fine")
        for _again in range(20):
            assert gateway.topology(topology(gateway.sn)) == REFUSED
        answers = [gateway.topology(topology(*(new_sn("AIR") for _ in range(21)))) for _again in range(5)]
        assert answers == [{"result": 0}] * 3 + [REFUSED] * 2
        assert gateway.topology(topology(own)) == {"result": 0}, "what was there before may come back"
        assert scene.rows(lines, gateway.sn, "topology.refused") == [(2,)], "one for each reason"
        assert scene.rows(lines, gateway.sn, "device.new") == [(64,)]
    attack.stopped("64 new devices a day, a line per reason in ten minutes")


def test_topology_under_a_forged_gateway_field(scene: Scene, attack: Attack) -> None:
    """The victim's dock is said to have lost its aircraft."""
    dock, before = scene.b.dock, scene.owner(scene.a.aircraft)
    assert dock.topology(topology(), gateway=scene.a.sn) == {"result": 0}
    assert scene.owner(scene.a.aircraft) == before
    own = scene.owner(scene.b.aircraft)
    attack.control(own is not None and own[1] == "", "it has taken effect on the sender's own aircraft")
    assert dock.topology(topology(scene.b.aircraft)) == {"result": 0}
    attack.stopped("it means the sender, whose topic it is")


def test_telemetry_under_a_forged_gateway_field(scene: Scene, attack: Attack) -> None:
    forged = {
        "tid": "t",
        "bid": "b",
        "timestamp": 1,
        "gateway": scene.a.sn,
        "sn": scene.a.sn,
        "data": {"forged_by_b": 1},
    }
    scene.b.dock.publish(f"thing/product/{scene.b.sn}/osd", json.dumps(forged))
    valkey = scene.platform.redis_url
    wait_until(lambda: "forged_by_b" in live_values(valkey, scene.b.sn), "it is taken for the sender's")
    attack.control("forged_by_b" in live_values(valkey, scene.b.sn), "it is taken for the sender's")
    assert "forged_by_b" not in live_values(valkey, scene.a.sn)
    attack.stopped("it means the sender, whose topic it is")


# --- binding ----------------------------------------------------------------------------------------------------------
def test_bind_with_a_foreign_code(scene: Scene, attackers: Any, victims: Any, codes: Any, attack: Attack) -> None:
    code = next(codes["a"])
    with Gateway(next(attackers)) as thief:
        for organization_id in (scene.a.tenant.organization_id, scene.b.tenant.organization_id):
            data = scene.a.tenant.bind_data(code, thief.sn, organization_id=organization_id)
            assert 0 not in errors(thief.request("airport_organization_bind", data))
        assert scene.owner(thief.sn) is None
        assert used(scene, code) == 0
    with Gateway(next(victims)) as rightful:
        answer = rightful.request("airport_organization_bind", scene.a.tenant.bind_data(code, rightful.sn))
        attack.control(errors(answer) == [0], "a dock of the organization binds with it")
    attack.stopped("refused, the code is not used up")


def test_name_of_an_organization_by_its_code(scene: Scene, attackers: Any, codes: Any, attack: Attack) -> None:
    data = scene.a.tenant.get_data(next(codes["a"]))
    with Gateway(next(attackers)) as thief:
        assert thief.request("airport_organization_get", data) == GET_REFUSED
    named = scene.a.dock.request("airport_organization_get", data)
    attack.control(named["output"]["organization_name"] == scene.a.tenant.organization_name, "the organization's dock")
    attack.stopped("210230")


@pytest.mark.parametrize("claimed", ["aircraft", "dock", "dock that is not bound"])
def test_bind_along_a_foreign(scene: Scene, claimed: str, attackers: Any, codes: Any, attack: Attack) -> None:
    """A dock that may bind names a device of somebody else in the same request."""
    sn = {"aircraft": scene.a.aircraft, "dock": scene.a.sn, "dock that is not bound": str(scene.a.free["sn"])}[claimed]
    before, code = scene.owner(sn), next(codes["b"])
    with Gateway(next(attackers)) as gateway:
        answer = gateway.request("airport_organization_bind", scene.b.tenant.bind_data(code, gateway.sn, sn))
        assert 0 not in errors(answer)
        assert (scene.owner(sn), scene.owner(gateway.sn), used(scene, code)) == (before, None, 0)
        alone = gateway.request("airport_organization_bind", scene.b.tenant.bind_data(code, gateway.sn))
        attack.control(errors(alone) == [0], "it binds alone")
    attack.stopped(f"codes {errors(answer)}, nothing bound, the code is not used up")


def test_bind_of_a_foreign_dock_alone(scene: Scene, attackers: Any, codes: Any, attack: Attack) -> None:
    """The request names only the victim's dock, not its sender."""
    code = next(codes["b"])
    with Gateway(next(attackers)) as gateway:
        free = str(scene.a.free["sn"])
        answer = gateway.request("airport_organization_bind", scene.b.tenant.bind_data(code, free))
        assert 0 not in errors(answer)
        assert scene.owner(free) is None
        alone = gateway.request("airport_organization_bind", scene.b.tenant.bind_data(code, gateway.sn))
        attack.control(errors(alone) == [0], "the sender binds itself")
    attack.stopped(f"codes {errors(answer)}")


def test_bind_with_two_codes(scene: Scene, attackers: Any, codes: Any, attack: Attack) -> None:
    """One entry with an own code, one with the victim's."""
    own, foreign = next(codes["b"]), next(codes["a"])
    with Gateway(next(attackers)) as gateway:
        sent = scene.b.tenant.bind_data(own, gateway.sn)["bind_devices"]
        sent += scene.a.tenant.bind_data(foreign, new_sn("AIR"))["bind_devices"]
        assert 0 not in errors(gateway.request("airport_organization_bind", {"bind_devices": sent}))
        assert (scene.owner(gateway.sn), used(scene, own), used(scene, foreign)) == (None, 0, 0)
        alone = gateway.request("airport_organization_bind", scene.b.tenant.bind_data(own, gateway.sn))
        attack.control(errors(alone) == [0], "with the own code alone it binds")
    attack.stopped("refused, neither code is used up")


@pytest.mark.parametrize("who", ["another gateway", "the released dock", "the released dock with new ids"])
def test_replayed_bind(
    scene: Scene, people: People, who: str, attackers: Any, victims: Any, codes: Any, attack: Attack
) -> None:
    code = next(codes["a"])
    with Gateway(next(victims)) as dock:
        data = scene.a.tenant.bind_data(code, dock.sn)
        sent = dock.send(dock.requests, "airport_organization_bind", data)
        attack.control(errors(dock.answers(sent)[0].data) == [0], "the dock binds with it")
        if who == "another gateway":
            with Gateway(next(attackers)) as thief:
                thief.publish(thief.requests, json.dumps(sent))
                assert 0 not in errors(thief.answers(sent)[0].data)
                assert scene.owner(thief.sn) is None
        else:
            assert people.tokens["admin"].ask("DELETE", f"{API}/devices/{dock.sn}/unbinding").kind == "ok"
            if who == "the released dock":
                dock.publish(dock.requests, json.dumps(sent))
                dock.answers(sent, 2)
            else:
                assert 0 not in errors(dock.request("airport_organization_bind", data))
            assert scene.owner(dock.sn) is None
    attack.stopped("nothing is bound by it")


# --- what gateways are told -------------------------------------------------------------------------------------------
def test_bind_status_of_a_foreign_dock(scene: Scene, attack: Attack) -> None:
    asked = {"devices": [{"sn": scene.a.sn}, {"sn": scene.a.aircraft}]}
    told = json.dumps(scene.b.dock.request("airport_bind_status", asked))
    assert scene.hidden not in told
    assert scene.a.tenant.organization_name not in told
    assert scene.a.tenant.organization_id not in told
    own = json.dumps(scene.a.dock.request("airport_bind_status", asked))
    attack.control(scene.hidden in own and scene.a.tenant.organization_id in own, "its own organization's dock is told")
    attack.stopped("that it is bound, and no names")


def test_configuration_of_another_organization(scene: Scene, attack: Attack) -> None:
    asked = {"config_type": "json", "config_scope": "product"}
    told = scene.b.dock.ask(scene.b.dock.requests, "config", asked, gateway=scene.a.sn).text
    assert scene.hidden not in told
    own = scene.a.dock.ask(scene.a.dock.requests, "config", asked).text
    attack.control(f"{scene.hidden}-licence" in own, "its own dock gets key and licence")
    attack.stopped("it gets its own organization's")


def test_pilot_s_account_with_the_client_id_of_a_foreign_dock(scene: Scene, attack: Attack) -> None:
    """An account that waits to learn its controller from the client id would become the victim's."""
    first, second = new_users(scene.b.tenant, "pilot", 2)
    for user, client_id in ((first, str(scene.a.free["sn"])), (second, new_sn("RC"))):
        told = Visitor(scene.platform).take_token(user).ask("GET", f"{API}/users/current").data
        account = Account(told["mqtt_username"], told["mqtt_password"], client_id)
        with Probe(scene.platform.mqtt_port, account) as probe:
            wait_until(lambda probe=probe: not probe.is_connected, "the session ends once")  # type: ignore[misc]
        pinned = scene.rows("SELECT gateway_sn FROM mqtt_bridge_mqttcredential WHERE username = %s", account.username)
        if user is first:
            assert pinned == []
            with Probe(scene.platform.mqtt_port, account) as again:
                assert not again.is_connected
        else:
            attack.control(pinned == [(client_id,)], "an own controller becomes the account's")
    with Probe(scene.platform.mqtt_port, Account.of(scene.a.free)) as victim:
        assert victim.is_connected
    attack.stopped("the account ended, the dock's own still works")
