"""What a device costs: the same rate of messages from more and more devices, memory, SQL statements, and the start.

`python -m bench.growth [--devices 100,1000,5000,10000] [--rate 2000] [--seconds 30]`
"""

import argparse
import os
import time
from typing import Any

import psycopg

from bench import ingest, proc
from bench.figures import keep
from bench.stage import Stage, stage
from tests.processes import wait_until


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", default="100,1000,5000,10000")
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--seconds", type=float, default=30)
    chosen = parser.parse_args()
    runs = [measure(int(devices), chosen.rate, chosen.seconds) for devices in chosen.devices.split(",")]
    base = runs[0]
    rows = [
        {
            "devices": run["devices"],
            "lost": run["lost"],
            "worker us/msg": run["cpu_us"]["mqtt_worker"],
            "to the first": f"{run['cpu_us']['mqtt_worker'] / base['cpu_us']['mqtt_worker']:.2f}",
            "worker MB": run["worker_mb"],
            "KB per device": run["kb_per_device"],
            "SQL transactions/s": run["transactions_per_second"],
            "start s": run["start_seconds"],
            "load": f"{run['load_average'][0]:.1f}",
        }
        for run in runs
    ]
    keep("growth", {"rate": chosen.rate, "runs": runs}, rows)


def measure(devices: int, rate: float, seconds: float) -> dict[str, Any]:
    load_average = os.getloadavg()
    with stage(devices, max(1, devices // 10)) as made:
        start_seconds = start(made)
        empty = proc.memory_mb(made.platform.children["mqtt_worker"].pid)
        with ingest.load(made) as generator, ingest.watcher(made) as watching:
            ingest.run(made, generator, watching, rate, max(5, 2.5 * devices / rate))  # every device has sent twice
            full = proc.memory_mb(made.platform.children["mqtt_worker"].pid)
            before, began = transactions(made), time.monotonic()
            measured = ingest.run(made, generator, watching, rate, seconds)
            per_second = (transactions(made) - before) / (time.monotonic() - began)
    found = {
        **measured,
        "devices": devices,
        "start_seconds": round(start_seconds, 2),
        "kb_per_device": round((full - empty) * 1000 / devices, 2),
        "transactions_per_second": round(per_second, 1),
        "load_average": load_average,
    }
    print({key: found[key] for key in ("devices", "cpu_us", "kb_per_device", "start_seconds")}, flush=True)
    return found


def start(made: Stage) -> float:
    """How long mqtt_worker takes from its start to its first sign of life, with all devices known."""
    made.platform.children["mqtt_worker"].stop()
    began = time.monotonic()
    made.platform.start_process("mqtt_worker")
    wait_until(lambda: made.platform.answers("mqtt_worker"), "the worker is ready", 60, 0.02)
    return time.monotonic() - began


def transactions(made: Stage) -> int:
    with psycopg.connect(made.postgres.url("postgres"), autocommit=True) as connection:
        found = connection.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'platform_1'"
        ).fetchone()
    return int(found[0]) if found else 0


if __name__ == "__main__":
    main()
