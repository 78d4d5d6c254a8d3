"""Docks' requests while telemetry flows: how many are answered, and when.

`python -m bench.requests [--rates 50,100,200,300,500] [--seconds 20] [--osd 2000]`
"""

import argparse
import os
import time
from typing import Any

from bench import ingest
from bench.child import Talker
from bench.figures import keep
from bench.stage import stage
from tests.platform import HOST

ASKING = 100
#: Seconds until what a fleet brings along when it comes (first rows, clocks, rights) is done.
SETTLED_AFTER = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="50,100,200,300,500")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--osd", type=float, default=2000, help="OSD messages per second beside")
    chosen = parser.parse_args()
    runs: list[dict[str, Any]] = []
    with (
        stage(2000, 400, OFFLINE_AFTER_SECONDS="3600") as made,  # in the runs without OSD nobody speaks
        ingest.load(made, gateways=slice(ASKING, None)) as load,
        Talker("bench.asker", env=made.platform.env) as asker,
    ):
        asker.ask(host=HOST, port=made.platform.mqtt_port, gateways=made.fleet["gateways"][:ASKING])
        asker.ask(rate=100, seconds=3)  # warm
        for osd in (0.0, chosen.osd):
            for rate in (float(text) for text in chosen.rates.split(",")):
                load_average = os.getloadavg()
                if osd:
                    load.say(rate=osd, seconds=chosen.seconds + SETTLED_AFTER + 1)
                    time.sleep(SETTLED_AFTER)
                cpu = made.cpu()
                found = asker.ask(rate=rate, seconds=chosen.seconds)
                if osd:
                    load.hear()
                used = {name: round(seconds - cpu[name], 2) for name, seconds in made.cpu().items() if name in cpu}
                runs.append({"rate": rate, "osd": osd, **found, "cpu_s": used, "load_average": load_average})
                print(runs[-1], flush=True)
    rows = [
        {
            "requests/s": run["rate"],
            "OSD/s beside": run["osd"],
            "answered": f"{run['answered']}/{run['sent']}",
            **{f"{part} ms": run["ms"].get(part) for part in ("p50", "p95", "p99", "max")},
            "p99 to that without OSD": ratio(run, runs),
            "load": f"{run['load_average'][0]:.1f}",
        }
        for run in runs
    ]
    keep("requests", {"runs": runs}, rows)


def ratio(run: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    [alone] = [one for one in runs if one["rate"] == run["rate"] and not one["osd"]]
    return f"{run['ms']['p99'] / alone['ms']['p99']:.2f}" if run["ms"].get("p99") and alone["ms"].get("p99") else ""


if __name__ == "__main__":
    main()
