"""Accounts in a running Mosquitto, by its dynamic security plugin. Tried with 2.0.11."""

from collections.abc import Collection, Iterable
from typing import Any

from mqtt_bridge.broker_access.dynsec_file import account, acls, fingerprint
from mqtt_bridge.broker_access.dynsec_session import Command, DynsecSession
from mqtt_bridge.broker_access.errors import BrokerAccessError
from mqtt_bridge.broker_access.roles import GATEWAY_ROLE_PREFIX, Account, Role, required_client_id, roles_for

_PAGE = 500


def put(credentials: Collection[Account]) -> None:
    """Create or change the accounts of these gateways. Raises BrokerAccessError, see `broker_access.put`."""
    with DynsecSession() as session:
        _put(session, credentials)


def remove(usernames: Collection[str]) -> None:
    """Delete accounts and their own roles; the broker ends their sessions."""
    with DynsecSession() as session:
        _remove(session, usernames)


def reconcile(credentials: Collection[Account]) -> tuple[list[str], list[str], list[str]]:
    """Make the gateways' accounts exactly these; user names that were created, changed and removed.

    Accounts without a gateway's role (the server's own, and whatever else an operator made) are left alone.
    """
    with DynsecSession() as session:
        clients = {client["username"]: client for client in _listed(session, "Clients")}
        roles = {role["rolename"]: role for role in _listed(session, "Roles")}
        missing: list[Account] = []
        outdated: list[Account] = []
        for credential in credentials:
            if credential.username not in clients:
                missing.append(credential)
            elif not _is_current(credential, clients[credential.username], roles):
                outdated.append(credential)
        known = {credential.username for credential in credentials}
        unknown = [name for name, client in clients.items() if name not in known and _is_gateway(client)]
        _put(session, [*missing, *outdated])
        _remove(session, unknown)
    return [row.username for row in missing], [row.username for row in outdated], unknown


def _put(session: DynsecSession, credentials: Iterable[Account]) -> None:
    rows = list(credentials)
    roles = {role.name: role for row in rows for role in roles_for(row)}
    creations = [*(_create_role(role) for role in roles.values()), *(_create_client(row) for row in rows)]
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


def _remove(session: DynsecSession, usernames: Collection[str]) -> None:
    commands: list[Command] = []
    for username in usernames:
        commands.append({"command": "deleteClient", "username": username})
        commands.append({"command": "deleteRole", "rolename": GATEWAY_ROLE_PREFIX + username})
    for command, error in session.run(commands):
        if error and not error.endswith("not found"):
            raise BrokerAccessError(_refused(command, error))


def _create_role(role: Role) -> Command:
    return {"command": "createRole", "rolename": role.name, "acls": acls(role)}


def _create_client(credential: Account) -> Command:
    return {"command": "createClient", **account(credential), "password": credential.password}


def _listed(session: DynsecSession, what: str) -> list[dict[str, Any]]:
    """All clients or roles of the broker, with their details, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        data = session.ask({"command": f"list{what}", "verbose": True, "count": _PAGE, "offset": len(rows)})
        page = data.get(what.lower(), [])
        rows += page
        if not page or len(rows) >= data.get("totalCount", 0):
            return rows


def _is_current(credential: Account, client: dict[str, Any], roles: dict[str, dict[str, Any]]) -> bool:
    wanted = roles_for(credential)
    return (
        client.get("textdescription") == fingerprint(credential)
        and client.get("clientid", "") == required_client_id(credential)
        and not client.get("disabled", False)
        and _role_names(client) == {role.name for role in wanted}
        and all(role.name in roles and _rules(roles[role.name]["acls"]) == _rules(acls(role)) for role in wanted)
    )


def _rules(acl_list: list[dict[str, Any]]) -> set[tuple[str, str, bool]]:
    return {(acl["acltype"], acl["topic"], acl["allow"]) for acl in acl_list}


def _role_names(client: dict[str, Any]) -> set[str]:
    return {role["rolename"] for role in client.get("roles", [])}


def _is_gateway(client: dict[str, Any]) -> bool:
    return any(name.startswith(GATEWAY_ROLE_PREFIX) for name in _role_names(client))


def _refused(command: Command, error: str) -> str:
    about = command.get("username") or command.get("rolename")
    return f"The broker refused {command['command']} {about}: {error}."
