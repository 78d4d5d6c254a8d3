"""Accounts and roles in Mosquitto's dynamic security plugin: what is asked and commanded. Tried with 2.0.11."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from mqtt_bridge.broker_access.access import Access
from mqtt_bridge.broker_access.dynsec_file import account, acls, fingerprint
from mqtt_bridge.broker_access.dynsec_session import Command, DynsecSession
from mqtt_bridge.broker_access.errors import BrokerAccessError
from mqtt_bridge.broker_access.pace import AT_ONCE, REST
from mqtt_bridge.broker_access.roles import GATEWAY_ROLE_PREFIX, Role, gateway_role

#: Mosquitto does nothing else while it writes a page.
_PAGE = 100
#: It says "not found" of what it is to delete, "does not exist" of what it is to modify.
_UNKNOWN = ("not found", "does not exist")


def mend(
    session: DynsecSession, accesses: Sequence[Access]
) -> tuple[list[str], list[str], list[str], dict[str, Access | None]]:
    """Bring the gateways' accounts in line with these; user names that were created and changed, of those that are
    unknown, which stay, and of those whose rights differ, with what they are (see `Comparison`).

    Accounts without a gateway's role (the server's own, and whatever else an operator made) are left alone.
    """
    clients = {client["username"]: client for client in _listed(session, "Clients")}
    roles = {role["rolename"]: role for role in _listed(session, "Roles")}
    missing = [access for access in accesses if access.username not in clients]
    outdated = [access for access in accesses if not _has_account(access, clients.get(access.username))]
    changed = {access.username for access in outdated}
    strayed = {
        access.username: _former(access, roles.get(access.role.name, {}))
        for access in accesses
        if access.username not in changed and not _has_rights(access, roles.get(access.role.name, {}))
    }
    known = {access.username for access in accesses}
    unknown = [name for name, client in clients.items() if name not in known and _is_gateway(client)]
    put(session, outdated)
    created = [access.username for access in missing]
    return created, sorted(changed - set(created)), unknown, strayed


def current(session: DynsecSession, accesses: Sequence[Access]) -> list[Access]:
    """Those of these accounts whose rights at the broker are as they should be. Asking costs the broker nothing."""
    asked: list[Command] = [{"command": "getRole", "rolename": access.role.name} for access in accesses]
    return [
        access
        for access, answer in zip(accesses, session.read(asked), strict=True)
        if answer is not None and _has_rights(access, answer["role"])
    ]


def put(session: DynsecSession, accesses: Iterable[Access]) -> None:
    """Create accounts with their roles, or change them, which ends their sessions. Raises BrokerAccessError."""
    rows = list(accesses)
    creations = [*(_create_role(row.role) for row in rows), *(_create_client(row) for row in rows)]
    # What exists already is modified. The answer comes in the order of the commands.
    changes: list[Command] = []
    for command, error in session.run(creations):
        if error.endswith("already exists"):
            changes.append({**command, "command": command["command"].replace("create", "modify")})
        elif error:
            raise BrokerAccessError(_refused(command, error))
    for command, error in session.run(changes):
        if error:
            raise BrokerAccessError(_refused(command, error))


def put_roles(session: DynsecSession, accesses: Sequence[Access]) -> list[str]:
    """Give accounts their present rights; their sessions go on. Returns the user names that the broker does not know:
    they may have ended since their rights were looked up, so they are not made."""
    missing: list[str] = []
    for start in range(0, len(accesses), AT_ONCE):
        began = time.monotonic()
        batch = accesses[start : start + AT_ONCE]
        answers = session.run([{**_create_role(access.role), "command": "modifyRole"} for access in batch])
        for access, (command, error) in zip(batch, answers, strict=True):
            if error.endswith(_UNKNOWN):
                missing.append(access.username)
            elif error:
                raise BrokerAccessError(_refused(command, error))
        if start + AT_ONCE < len(accesses):
            time.sleep((time.monotonic() - began) * REST)
    return missing


def remove(session: DynsecSession, usernames: Collection[str]) -> None:
    """Delete accounts and their own roles; the broker ends their sessions. An unknown one is no error."""
    commands: list[Command] = []
    for username in usernames:
        commands.append({"command": "deleteClient", "username": username})
        commands.append({"command": "deleteRole", "rolename": GATEWAY_ROLE_PREFIX + username})
    for command, error in session.run(commands):
        if error and not error.endswith(_UNKNOWN):
            raise BrokerAccessError(_refused(command, error))


def _create_role(role: Role) -> Command:
    return {"command": "createRole", "rolename": role.name, "acls": acls(role)}


def _create_client(access: Access) -> Command:
    return {"command": "createClient", **account(access), "password": access.password}


def _listed(session: DynsecSession, what: str) -> list[dict[str, Any]]:
    """All clients or roles of the broker, with their details, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        data = session.ask({"command": f"list{what}", "verbose": True, "count": _PAGE, "offset": len(rows)})
        page = data.get(what.lower(), [])
        rows += page
        if not page or len(rows) >= data.get("totalCount", 0):
            return rows


def _has_account(access: Access, client: dict[str, Any] | None) -> bool:
    return (
        client is not None
        and client.get("textdescription") == fingerprint(access)
        and client.get("clientid", "") == access.client_id
        and not client.get("disabled", False)
        and _role_names(client) == {access.role.name}
    )


def _has_rights(access: Access, role: dict[str, Any]) -> bool:
    return _rules(role.get("acls", [])) == _rules(acls(access.role))


def _former(access: Access, role: dict[str, Any]) -> Access | None:
    """The account with these rights, if a topology of ours once gave it them."""
    sub_devices = {
        acl["topic"].split("/")[2] for acl in role.get("acls", []) if acl["topic"].startswith("thing/product/")
    }
    behind = frozenset(sub_devices - {access.gateway_sn, "+"})
    former = gateway_role(access.gateway_sn, username=access.username, bound=True, sub_devices=behind)
    known = replace(access, role=former, sub_devices=behind)
    return known if _has_rights(known, role) else None


def _rules(acl_list: list[dict[str, Any]]) -> set[tuple[str, str, bool]]:
    return {(acl["acltype"], acl["topic"], acl["allow"]) for acl in acl_list}


def _role_names(client: dict[str, Any]) -> set[str]:
    return {role["rolename"] for role in client.get("roles", [])}


def _is_gateway(client: dict[str, Any]) -> bool:
    return any(name.startswith(GATEWAY_ROLE_PREFIX) for name in _role_names(client))


def _refused(command: Command, error: str) -> str:
    about = command.get("username") or command.get("rolename")
    return f"The broker refused {command['command']} {about}: {error}."
