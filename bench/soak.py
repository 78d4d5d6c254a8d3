"""Half an hour of steady telemetry: memory and file descriptors of every process.

`python -m bench.soak [--minutes 30] [--rate 2000] [--devices 2000]`
"""

import argparse
import os
import time
from typing import Any

from bench import ingest, proc
from bench.figures import keep
from bench.stage import Stage, stage

SAMPLE_SECONDS = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--devices", type=int, default=2000)
    chosen = parser.parse_args()
    samples: list[dict[str, Any]] = []
    with (
        stage(chosen.devices, chosen.devices // 10) as made,
        ingest.load(made) as generator,
        ingest.watcher(made) as page,
    ):
        before, began = ingest.settled_counts(made), time.monotonic()
        generator.say(rate=chosen.rate, seconds=chosen.minutes * 60)
        while time.monotonic() - began < chosen.minutes * 60:
            time.sleep(SAMPLE_SECONDS)
            samples.append(sample(made, time.monotonic() - began))
        sent = generator.hear()["sent"]
        lost = sent - ingest.settled_counts(made)["received.osd"] + before.get("received.osd", 0)
        latencies = page.ask()
    # The first tenth is warming up.
    first, last = samples[len(samples) // 10], samples[-1]
    rows = [
        {
            "process": name,
            "MB after a tenth": first["mb"][name],
            "MB at the end": last["mb"][name],
            "ratio": f"{last['mb'][name] / first['mb'][name]:.3f}",
            "descriptors": f"{first['fds'][name]} → {last['fds'][name]}",
        }
        for name in last["mb"]
    ]
    summary = {"minutes": chosen.minutes, "rate": chosen.rate, "devices": chosen.devices, "sent": sent, "lost": lost}
    print(summary)
    keep("soak", {**summary, **latencies, "samples": samples, "load_average": os.getloadavg()}, rows)


def sample(made: Stage, at: float) -> dict[str, Any]:
    pids = {name: child.pid for name, child in made.platform.children.items() if child.is_running}
    return {
        "at": round(at),
        "mb": {name: round(sum(map(proc.memory_mb, proc.family_of(pid))), 1) for name, pid in pids.items()},
        "fds": {name: proc.descriptors(pid) for name, pid in pids.items()},
    }


if __name__ == "__main__":
    main()
