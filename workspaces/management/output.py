"""Commands whose result is one object: readable text, or with `--json` that object alone on standard output."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from workspaces.models import Workspace


class ResultCommand(BaseCommand):
    """Subclasses define `result`. A ValidationError becomes a sentence on standard error and exit code 1."""

    result: Callable[..., Mapping[str, Any]]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        try:
            result = self.result(**options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(json.dumps(result, ensure_ascii=False) if options["json"] else "\n".join(_lines(result)))


def workspace_by_id(workspace_id: str) -> Workspace:
    """The workspace that an operator of the platform names by its UUID. Raises CommandError."""
    try:
        wanted = Workspace.objects.unscoped().filter(workspace_id=UUID(workspace_id))
    except ValueError:
        raise CommandError(f'"{workspace_id}" is no workspace ID: it has to be a UUID.') from None
    workspace = wanted.select_related("organization").first()
    if workspace is None:
        raise CommandError(f"There is no workspace {workspace_id}.")
    return workspace


def _lines(result: Mapping[str, Any], indent: str = "") -> list[str]:
    width = max(map(len, result), default=0)
    lines: list[str] = []
    for key, value in result.items():
        if isinstance(value, list):
            lines.append(f"{indent}{key}:")
            for number, row in enumerate(value):
                lines += [*([""] if number else []), *_lines(row, indent + "    ")]
        elif isinstance(value, Mapping):
            lines += [f"{indent}{key}:", *_lines(value, indent + "    ")]
        else:
            lines.append(f"{indent}{key.ljust(width)}  {'-' if value is None or value == '' else value}")
    return lines
