"""Processes of a job, and the supervisor that starts again what ends by itself."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control import Control
from proxy import Proxy
from wire import Partition

STOP_TIMEOUT_S = 60
KILL_TIMEOUT_S = 30
SUPERVISOR_PAUSE_S = 0.2
INTERNAL_ERROR = 70
LAST_WORDS_BYTES = 1000


@dataclass(frozen=True)
class Job:
    """The job that several instances run."""

    name: str
    program: Path
    group: str
    inputs: list[Partition]
    poisoned: list[str]
    """Input topics that get bytes that do not decode."""
    arguments: list[str]
    snapshots_ms: int = 0
    """Between snapshots; 0: none are taken."""
    environment: dict[str, str] = field(default_factory=dict)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Instance:
    def __init__(self, name: str, job: Job, bootstrap: str, state: Path, log: Path,
                 proxy: Proxy | None = None, control: Control | None = None) -> None:
        self.name, self.job, self.bootstrap = name, job, bootstrap
        self.state, self.log, self.proxy, self.control = state, log, proxy, control
        self.snapshots = state.parent.parent / "snapshots" / name
        self.is_held = True
        self.lock = threading.RLock()
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        state.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Meanwhile its process is the caller's, who leaves one behind that runs."""
        with self.lock:
            self.is_held = True
        try:
            yield
        finally:
            with self.lock:
                self.is_held = False

    def start(self, uses_snapshots: bool = True, **environment: str) -> None:
        self.port = free_port()
        command = [
            str(self.job.program), "--bootstrap.servers", self.bootstrap,
            "--application.id", self.job.group, "--state.dir", str(self.state),
            "--query.port", str(self.port), *self.job.arguments,
        ]
        if not uses_snapshots:
            command += ["--snapshot.peers=false"]
        elif self.job.snapshots_ms:
            command += ["--snapshot.dir", str(self.snapshots),
                        "--snapshot.interval.ms", str(self.job.snapshots_ms)]
        environment = {**self.job.environment, **environment}
        if self.control is not None:
            environment = {**self.control.environment, **environment}
        with open(self.log, "ab") as log:
            log.write(f"---- start {environment}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **environment})

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait(KILL_TIMEOUT_S)

    def stop(self) -> int:
        """The exit code of an orderly stop; of a kill, if it takes too long."""
        self.send(signal.SIGTERM)
        try:
            return self.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def wait(self, timeout_s: float) -> int:
        return self.process.wait(timeout_s) if self.process is not None else 0

    def get(self, path: str, timeout_s: float = 10) -> tuple[int, Any]:
        status, body = self._get(path, timeout_s)
        return status, json.loads(body)

    def metric(self, series: str) -> int:
        """0 while it has no such series. `series` as it is printed: a name and its labels."""
        _, body = self._get("/v1/metrics", 10)
        for line in body.decode().splitlines():
            if line.startswith(f"{series} "):
                return int(float(line.rsplit(" ", 1)[1]))
        return 0

    def _get(self, path: str, timeout_s: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def health(self) -> dict[str, Any]:
        """Empty while it does not answer."""
        try:
            return self.get("/v1/health", 3)[1]
        except (OSError, http.client.HTTPException, ValueError):
            return {}

    def wait_for_tasks(self, timeout_s: float) -> None:
        """Until it runs a task; a plan may leave it without any."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if any(task["stage"] == "running" for task in self.health().get("tasks", [])):
                return
            time.sleep(SUPERVISOR_PAUSE_S)

    def log_ends_with(self, text: bytes) -> bool:
        """Whether it is among the last words."""
        with open(self.log, "rb") as log:
            log.seek(-min(self.log.stat().st_size, LAST_WORDS_BYTES), os.SEEK_END)
            return text in log.read()

    def is_calm(self) -> bool:
        """It runs, and has nothing left to do."""
        health = self.health()
        return bool(health) and health["caught_up"] and health["lag_records"] == 0


class Supervisor:
    """Starts again every instance that ends by itself."""

    def __init__(self, instances: list[Instance], say: Callable[[str], None]) -> None:
        self.instances, self.say = instances, say
        self.exits = 0
        self.codes: list[tuple[str, int]] = []
        """Names and exit codes of what ended by itself."""
        self.crashes: list[str] = []
        self.is_stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.is_stopped.set()
        self.thread.join()

    def _run(self) -> None:
        while not self.is_stopped.wait(SUPERVISOR_PAUSE_S):
            for instance in self.instances:
                with instance.lock:
                    if not instance.is_held and not instance.is_running():
                        self._restart(instance)

    def _restart(self, instance: Instance) -> None:
        code = instance.wait(1)
        self.exits += 1
        self.say(f"exit instance={instance.name} code={code} restarted=yes")
        self.codes.append((instance.name, code))
        self.note(instance.name, code)
        time.sleep(SUPERVISOR_PAUSE_S)
        instance.start()

    def note(self, name: str, code: int) -> None:
        """Keeps codes that no fault excuses: a signal of its own or a bug."""
        if code < 0 or code == INTERNAL_ERROR:
            self.crashes.append(f"{name} ended with code {code}")
