"""The run itself: start every process, say when all of them answer, watch them, end with all of them."""

import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable
from types import FrameType

from cloudapi.platform import PlatformError, parent, probes, processes
from cloudapi.platform.console import say, tail
from cloudapi.platform.environment import Wishes
from cloudapi.platform.preparation import Prepared, prepare
from cloudapi.platform.supervisor import State, Supervisor, SupervisorGone

READY_WITHIN_SECONDS = 90
#: A part that is started more often than this within this time doesn't stay up, even if each start looks good.
STARTS_ALLOWED, STARTS_WINDOW_SECONDS = 5, 120


class Stop(BaseException):
    """SIGINT, SIGTERM or SIGHUP."""


class Runner:
    def __init__(self, asked: Wishes, lock: int) -> None:
        """`lock` is the open lock file of DATA_DIR."""
        self.asked = asked
        self.lock = lock
        self.stopping_since: float | None = None
        self.hurry = False
        self._starts: dict[str, deque[int]] = defaultdict(deque)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self._follows_make = parent.follow_make()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping_since is None:
            self.stopping_since = time.monotonic()
            raise Stop
        # The first signal can arrive twice, from the terminal's group and passed on by make.
        self.hurry = self.hurry or time.monotonic() - self.stopping_since > 1

    def run(self) -> None:
        """Ends by an exception only: Stop, or PlatformError with the sentence that says why. No process is left."""
        prepared = prepare(self.asked)
        groups = {
            "servers": prepared.servers,
            "application": processes.application(self.asked.bind_address, self.asked.http_port),
            "devices": processes.simulators() if self.asked.demo else [],
        }
        groups = {name: members for name, members in groups.items() if members}
        supervisor = Supervisor(self.asked.data_dir, groups)
        try:
            names = [member.name for members in groups.values() for member in members]
            say(f"Starting {', '.join(names)} …")
            supervisor.start(prepared.variables, self.lock)
            deadline = time.monotonic() + READY_WITHIN_SECONDS
            for name, members in groups.items():
                supervisor.start_group(name)
                if name != "devices":
                    self._wait(supervisor, prepared, [member.name for member in members], deadline)
            self._say_ready(prepared)
            while True:
                self._watch(supervisor)
                time.sleep(0.5)
        except SupervisorGone as error:
            raise PlatformError(
                f"The supervisor of the processes has ended. {tail(supervisor.logs / 'supervisord.log')}"
            ) from error
        except Stop:
            say("Stopping everything; Ctrl-C once more to hurry …")
            raise
        finally:
            if self.stopping_since is None:
                self.stopping_since = time.monotonic()
            supervisor.stop(hurry=lambda: self.hurry)

    def _wait(self, supervisor: Supervisor, prepared: Prepared, names: list[str], deadline: float) -> None:
        questions = self._questions(prepared)
        waiting = list(names)
        while waiting:
            running = {state.name for state in self._watch(supervisor) if state.word == "RUNNING"}
            waiting = [name for name in waiting if not (questions[name]() if name in questions else name in running)]
            if waiting and time.monotonic() > deadline:
                log = supervisor.logs / f"{waiting[0]}.log"
                raise PlatformError(
                    f"{', '.join(waiting)} did not answer within {READY_WITHIN_SECONDS} s of the start. {tail(log)}"
                )
            time.sleep(0.1)

    def _questions(self, prepared: Prepared) -> dict[str, Callable[[], bool]]:
        """Parts that can be asked whether they work; of the others supervisord says that they stay up."""
        known, address = prepared.variables, self.asked.connect_address
        broker = self.asked.mqtt_connect_address, self.asked.mqtt_port
        host = probes.host_header(known.get("PUBLIC_URL", ""))
        account = known["MQTT_USERNAME"], known["MQTT_PASSWORD"]
        return {
            "valkey": lambda: probes.valkey(known["REDIS_URL"]),
            "broker": lambda: probes.broker(*broker, *account),
            "web": lambda: probes.web(address, self.asked.http_port, host),
            "mqtt_worker": lambda: probes.mqtt_worker(known["REDIS_URL"]),
            "celery": lambda: probes.celery_worker(known["REDIS_URL"]),
        }

    def _say_ready(self, prepared: Prepared) -> None:
        where = [f"MQTT {self.asked.mqtt_connect_address}:{self.asked.mqtt_port}"]
        where += [f"ssl://{self.asked.connect_address}:{port}" for _name, port in self.asked.tls_ports]
        say(f"cloudapi is ready: {self.asked.http_url}/  ({', '.join(where)})")
        say("Demo logins:")
        users = prepared.demo["users"]
        width = max(len(user["username"]) for user in users)
        for user in users:
            say(f"  {user['role']:<8}  {user['username']:<{width}}  {user['password']}")
        say(f"Logs are in {self.asked.data_dir / 'logs'}. Ctrl-C stops everything.")

    def _watch(self, supervisor: Supervisor) -> list[State]:
        """Says which part was started again.

        Raises:
            PlatformError: a part doesn't stay up.
        """
        if self._follows_make and parent.make_was_interrupted():
            self.stopping_since = time.monotonic()
            raise Stop
        states = supervisor.states()
        for state in states:
            starts = self._starts[state.name]
            if state.pid and (not starts or starts[-1] != state.started_at):
                if starts:
                    say(f"{state.name} ended and was started again; its log is {state.log}")
                starts.append(state.started_at)
            while len(starts) > 1 and starts[0] < time.time() - STARTS_WINDOW_SECONDS:
                starts.popleft()
            if state.word == "FATAL" or len(starts) > STARTS_ALLOWED:
                raise PlatformError(f"{state.name} does not stay up ({state.ended}). {tail(state.log)}")
        return states
