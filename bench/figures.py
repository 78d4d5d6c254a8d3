"""Percentiles, tables and the files in bench/results/."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import machine

RESULTS = Path(__file__).parent / "results"


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the greatest, with the count."""
    if not values:
        return {"count": 0}
    ordered = sorted(values)
    at = {name: ordered[min(len(ordered) - 1, int(len(ordered) * part))] for name, part in _PARTS.items()}
    return {
        "count": len(ordered),
        **{name: round(value, 1) for name, value in at.items()},
        "max": round(ordered[-1], 1),
    }


_PARTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(rows[0])
    texts = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(text[index]) for text in texts) for index in range(len(columns))]
    lines = [" | ".join(cell.rjust(width) for cell, width in zip(text, widths, strict=True)) for text in texts]
    return "\n".join(f"| {line} |" for line in [lines[0], "-|-".join("-" * width for width in widths), *lines[1:]])


def keep(name: str, result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the table and write bench/results/NAME.json."""
    print(table(rows))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"bench": name, "machine": machine.describe(), **result}, indent=1) + "\n")
    print(f"→ {path.relative_to(RESULTS.parent.parent)}")
