"""Telemetry at rising rates, everything on this machine: what is lost, how late it is, and what a message costs.

`python -m bench.ingest [--rates 1000,2000,5000,10000,20000] [--seconds 60] [--devices 5000]`

Beside each rate a receiver that does nothing (bench.noop) gets the same load, with the worker stopped.
"""

import argparse
import json
import os
import time
from typing import Any

from bench import proc
from bench.stage import Stage, prepare, stage

prepare()

import psycopg  # noqa: E402
import redis  # noqa: E402

from bench.child import Talker  # noqa: E402
from bench.figures import keep  # noqa: E402
from bench.frames import STAMP  # noqa: E402
from tests.platform import HOST  # noqa: E402
from tests.processes import wait_until  # noqa: E402

TOPIC = "thing/product/{sn}/osd"
PARTS = ("mqtt_worker", "broker", "valkey", "postgresql", "web", "celery")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="1000,2000,5000,10000,20000")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--baseline-seconds", type=float, default=15)
    parser.add_argument("--devices", type=int, default=5000)
    parser.add_argument("--name", default="ingest")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    gateways = max(1, chosen.devices // 10)
    rows, runs = [], []
    with stage(chosen.devices, gateways) as made, load(made) as generator, watcher(made) as watching:
        run(made, generator, watching, 1000, 5)  # warm
        for rate in (float(text) for text in chosen.rates.split(",")):
            measured = run(made, generator, watching, rate, chosen.seconds)
            measured["baseline"] = baseline(made, generator, rate, chosen.baseline_seconds)
            measured["ratio_to_baseline"] = round(
                measured["cpu_us"]["mqtt_worker"] / measured["baseline"]["cpu_us_per_message"], 2
            )
            runs.append(measured)
            rows.append(row(measured))
            print(rows[-1], flush=True)
    keep(chosen.name, {"devices": chosen.devices, "gateways": gateways, "runs": runs}, rows)


def load(made: Stage, topic: str = TOPIC, gateways: slice = slice(None)) -> Talker:
    generator = Talker("bench.load", env=made.platform.env)
    accounts = [{**gateway, "username": gateway["sn"]} for gateway in made.fleet["gateways"][gateways]]
    generator.ask(host=HOST, port=made.platform.mqtt_port, gateways=accounts, topic=topic)
    return generator


def watcher(made: Stage) -> Talker:
    workspace = made.fleet["workspaces"][0]
    watching = Talker("bench.watcher", env=made.platform.env)
    watching.ask(
        ws=f"{made.platform.http_url.replace('http', 'ws', 1)}"
        f"/ws/workspaces/{workspace['workspace_id']}/?detail=summary",
        token=workspace["token"],
        redis_url=made.platform.redis_url,
        channel=f"asgi__group__workspace.{workspace['workspace_id'].replace('-', '')}",
    )
    return watching


def run(made: Stage, generator: Talker, watching: Talker, rate: float, seconds: float) -> dict[str, Any]:
    """One rate: figures over the whole of it, taken when everything sent has been taken or given up."""
    made.favour()
    before, cpu, began = settled_counts(made), made.cpu(), time.monotonic()
    watching.ask()
    load_average = os.getloadavg()
    sent = generator.ask(rate=rate, seconds=seconds)
    used = made.cpu()
    took = time.monotonic() - began
    after = settled_counts(made)
    counted = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    spent = {name: used[name] - cpu[name] for name in PARTS if name in used}
    return {
        "rate": rate,
        "sent": sent,
        "lost": sent["sent"] - counted.get("received.osd", 0),
        "counted": counted,
        "stale_devices": stale(made, sent["sent"]),
        "sql_rows": sql_rows(made),
        **watching.ask(),
        "cpu_us": {name: round(seconds / sent["sent"] * 1e6, 1) for name, seconds in spent.items()},
        "cpu_share": {name: round(seconds / took, 3) for name, seconds in spent.items()},
        "worker_mb": round(proc.memory_mb(made.platform.children["mqtt_worker"].pid), 1),
        "load_average": load_average,
    }


def settled_counts(made: Stage) -> dict[str, int]:
    """The worker's counts when they no longer grow. It tells them once a second."""
    with redis.Redis.from_url(made.platform.redis_url) as client:
        known: dict[str, int] = {}
        same = 0
        while same < 2:
            time.sleep(1.2)
            alive = client.get("cloudapi:worker:alive")
            counts = json.loads(alive)["counts"] if alive else {}
            same = same + 1 if counts == known else 0
            known = counts
    return known


def stale(made: Stage, sent: int) -> int:
    """How many devices' values in Valkey are not those of their last message; 0 if not every device has sent."""
    sns = [sn for gateway in made.fleet["gateways"] for sn in gateway["devices"]]
    if sent < len(sns):
        return 0
    with redis.Redis.from_url(made.platform.redis_url) as client:
        # cloudapi:live:{workspace}:{SN}; each device has one owner.
        keys = {key.decode().rsplit(":", 1)[1]: key for key in client.scan_iter("cloudapi:live:*", count=10_000)}
        pipeline = client.pipeline(transaction=False)
        for sn in sns:
            pipeline.hget(keys.get(sn, b"cloudapi:live:none"), STAMP)
        stamps = [int(stamp) if stamp else 0 for stamp in pipeline.execute()]
    # Devices send in turn, so the last messages of all lie within one round.
    newest = max(stamps)
    return sum(newest - stamp > 60_000_000 for stamp in stamps)


def sql_rows(made: Stage) -> dict[str, int]:
    """Rows of the latest values, and points of tracks so far."""
    with psycopg.connect(made.platform.env["DATABASE_URL"]) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM devices_{name}".encode()).fetchone()[0]  # type: ignore[index]  # noqa: S608
            for name in ("devicestate", "trackpoint")
        }


def baseline(made: Stage, generator: Talker, rate: float, seconds: float) -> dict[str, Any]:
    """The same load, received by paho and msgspec alone; the worker stands aside."""
    made.platform.children["mqtt_worker"].stop()
    to = {"host": HOST, "port": made.platform.mqtt_port, "topic": TOPIC.format(sn="+"), **made.account()}
    with Talker("bench.noop", json.dumps(to), env=made.platform.env) as receiver:
        receiver.hear()
        before = receiver.ask()
        sent = generator.ask(rate=rate, seconds=seconds)
        wait_until(lambda: receiver.ask()["count"] - before["count"] >= sent["sent"], "all are received", 20, 0.2)
        after = receiver.ask()
    made.platform.start_process("mqtt_worker")
    time.sleep(2)
    received = after["count"] - before["count"]
    return {"received": received, "cpu_us_per_message": round((after["cpu_s"] - before["cpu_s"]) / received * 1e6, 1)}


def row(measured: dict[str, Any]) -> dict[str, Any]:
    cpu, browser, publish = measured["cpu_us"], measured["browser_ms"], measured["publish_ms"]
    return {
        "msg/s": f"{measured['sent']['rate']:.0f}",
        "lost": measured["lost"],
        "publish p50/p99 ms": f"{publish.get('p50')}/{publish.get('p99')}",
        "browser p50/p99 ms": f"{browser.get('p50')}/{browser.get('p99')}",
        "worker us": cpu["mqtt_worker"],
        "no-op us": measured["baseline"]["cpu_us_per_message"],
        "ratio": measured["ratio_to_baseline"],
        "broker us": cpu["broker"],
        "valkey us": cpu["valkey"],
        "postgres us": cpu["postgresql"],
        "web us": cpu["web"],
        "generator core": measured["sent"]["cpu_share"],
        "load": f"{measured['load_average'][0]:.1f}",
    }


if __name__ == "__main__":
    main()
