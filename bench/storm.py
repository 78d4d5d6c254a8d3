"""All gateways reconnect at once, as after a restart of the broker or of a network: when are all of them back?

`python -m bench.storm [--gateways 2000] [--rounds 3]`: each round cuts all connections; every gateway then connects,
subscribes and tells its topology. The first round's topology is new to the platform, the others' is known.
"""

import argparse
import os
import time
from typing import Any

from bench.child import Talker
from bench.figures import keep
from bench.stage import stage
from tests.platform import HOST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    runs: list[dict[str, Any]] = []
    with stage(2 * chosen.gateways, chosen.gateways) as made, Talker("bench.asker", env=made.platform.env) as docks:
        docks.ask(host=HOST, port=made.platform.mqtt_port, gateways=made.fleet["gateways"])
        for _round in range(chosen.rounds):
            time.sleep(5)
            load_average = os.getloadavg()
            runs.append({**docks.ask(storm=True), "load_average": load_average})
            print(runs[-1], flush=True)
    rows = [
        {
            "gateways": chosen.gateways,
            "all connected s": run["connected_s"],
            "confirmed": f"{run['answered']}/{run['sent']}",
            "all confirmed s": run["all_confirmed_s"],
            "answer p50/p99 ms": f"{run['ms'].get('p50')}/{run['ms'].get('p99')}",
            "per connection alone": f"{run['all_confirmed_s'] / max(run['connected_s'], 0.01):.1f}",
            "load": f"{run['load_average'][0]:.1f}",
        }
        for run in runs
    ]
    keep("storm", {"gateways": chosen.gateways, "runs": runs}, rows)


if __name__ == "__main__":
    main()
