"""The baseline: paho receives the same messages, msgspec decodes the envelope, and nothing else happens.

Connects as the JSON object in the first argument says (`host`, `port`, `username`, `password`, `topic`); each line on
standard input is answered by a line of JSON with the count and the CPU time so far.
"""

import json
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from mqtt_bridge.envelope import Envelope

decode = msgspec.json.Decoder(Envelope).decode


def _setter(event: threading.Event) -> Callable[..., None]:
    return lambda *_arguments: event.set()


def main() -> None:
    to = json.loads(sys.argv[1])
    count = 0
    subscribed = threading.Event()

    def on_message(_client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        nonlocal count
        decode(message.payload)
        count += 1

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-noop", protocol=mqtt.MQTTv311)
    client.on_message = on_message
    client.username_pw_set(to["username"], to["password"])
    client.connect(to["host"], to["port"])
    raw: Any = client.socket()
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.loop_start()
    client.on_subscribe = _setter(subscribed)
    client.subscribe(to["topic"], 1)
    if not subscribed.wait(10):
        raise SystemExit("not subscribed")
    print(json.dumps({"pid": os.getpid()}), flush=True)
    for _line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"count": count, "cpu_s": used.ru_utime + used.ru_stime}), flush=True)


if __name__ == "__main__":
    main()
