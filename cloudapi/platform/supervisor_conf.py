"""supervisord's configuration. The environment, with its secrets, is inherited and stands in no file."""

import os
import resource
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from cloudapi.platform import BASE_DIR
from cloudapi.platform.processes import Process, bound_to_parent

#: Processes by group. The groups are stopped in reverse order; what is in one is stopped at the same time.
Groups = Mapping[str, Sequence[Process]]


def render(groups: Groups, data_dir: Path, logs: Path, socket: Path) -> str:
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    lines = [
        "[supervisord]",
        "silent = true",
        "umask = 077",
        f"minfds = {min(1024, descriptors) if descriptors > 0 else 1024}",
        f"logfile = {_escaped(logs / 'supervisord.log')}",
        "logfile_maxbytes = 2MB",
        "logfile_backups = 1",
        f"pidfile = {_escaped(data_dir / 'supervisord.pid')}",
        *(["user = root"] if os.geteuid() == 0 else []),
        "[unix_http_server]",
        f"file = {_escaped(socket)}",
        "chmod = 0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for priority, (name, members) in enumerate(groups.items(), start=1):
        lines += [f"[group:{name}]", f"programs = {','.join(member.name for member in members)}"]
        lines += [f"priority = {priority}"]
        for member in members:
            lines += _program(member, logs)
    return "\n".join(lines) + "\n"


def _program(process: Process, logs: Path) -> list[str]:
    return [
        f"[program:{process.name}]",
        f"command = {_escaped(shlex.join(bound_to_parent(process.argv)))}",
        f"directory = {_escaped(BASE_DIR)}",
        "autostart = false",
        "autorestart = true",
        "startsecs = 5",
        "startretries = 3",
        f"stopwaitsecs = {process.stop_seconds}",
        "killasgroup = true",
        "redirect_stderr = true",
        f"stdout_logfile = {_escaped(logs / process.name)}.log",
        "stdout_logfile_maxbytes = 5MB",
        "stdout_logfile_backups = 2",
    ]


def _escaped(text: object) -> str:
    return str(text).replace("%", "%%")
