"""The inputs of the jobs: rounds of the registry's history, and numbered events."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ACCOUNTS, FACTS, EVENTS = "crm.accounts", "crm.merge-facts", "faults.events"
PARCELS, DELIVERED = "faults.parcels", "faults.delivered"
PADDING = "."
"""Fills a value up to its size."""
ATTEMPTS_MAX = 20
KEYS, GROUPS = 60, "abcdefg"
DISORDER_WINDOW, REPEATS_PERMILLE = 40, 30
ROUND_TIMEOUT_S = 900
END_TIMEOUT_S = 300
STUCK_S = 120
"""For longer than a Kafka that was killed takes to be back on a busy machine."""
SEND_TIMEOUT_S = 120
SENT_BYTES_MAX = 4_000_000


@dataclass(frozen=True)
class LoadOptions:
    programs: Path
    address: str
    changes: Path
    merges: Path
    seed: int
    crm_rate: int


class CrmLoad:
    """Whole rounds, each with accounts of its own: the history permuted, some events twice."""

    def __init__(self, options: LoadOptions, log: Path, say: Callable[[str], None]) -> None:
        self.options, self.log, self.say = options, log, say
        self.sources: list[str] = []
        self.error: Exception | None = None
        self.is_ending = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.thread = threading.Thread(target=self._run, name="crm-load", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def finish(self) -> None:
        """Waits for the round that runs."""
        self.is_ending.set()
        self.thread.join(ROUND_TIMEOUT_S)
        if self.error is not None:
            raise self.error

    def kill(self) -> None:
        self.is_ending.set()
        if self.process is not None:
            self.process.kill()

    def _run(self) -> None:
        try:
            while not self.is_ending.is_set():
                self._round(f"r{len(self.sources)}")
        except Exception as error:  # told by finish()
            self.error = error

    def _round(self, source: str) -> None:
        """A round that fails starts over: what it sent already comes twice."""
        self.sources.append(source)
        for _ in range(ATTEMPTS_MAX):
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(self._command(source), stdout=log, stderr=log)
                code = self.process.wait(ROUND_TIMEOUT_S)
            if code == 0:
                return
            self.say(f"load round={source} code={code} repeated=yes")
            time.sleep(1)
        raise RuntimeError(f"the workload failed {ATTEMPTS_MAX} times, see {self.log}")

    def _command(self, source: str) -> list[str]:
        options = self.options
        return [
            str(options.programs / "crm_workload"), "registry",
            "--bootstrap.servers", options.address,
            "--changes", str(options.changes), "--merges", str(options.merges),
            "--rate", str(options.crm_rate), "--source", source,
            "--disorder-window", str(DISORDER_WINDOW),
            "--repeats-permille", str(REPEATS_PERMILLE),
            "--seed", str(options.seed * 1000 + len(self.sources)),
        ]


def kcat(address: str, topic: str, *more: str) -> list[str]:
    return [
        "kcat", "-P", "-E", "-q", "-b", address, "-t", topic, "-K", "|",
        "-X", "enable.idempotence=true", "-X", "message.timeout.ms=300000",
        "-X", "topic.partitioner=murmur2_random", *more,
    ]


Tallies = dict[str, tuple[int, int, int, int]]
"""By key or by group: count, sum, last, overtaken."""


class TallyLoad:
    """Events numbered 1, 2, 3 … for each key, in order; the first `burst` of them at once.

    kcat sends them. `arrived`: how many records the topic has. When they are stuck for too long,
    kcat is killed and another one continues: librdkafka 2.0.2 was seen to spin after all nodes had
    been away. Events that the first one held may be missing from the topic then.
    """

    def __init__(self, address: str, topic: str, rate: int, log: Path, *, keys: int = KEYS,
                 burst: int = 0, seed: int = 1, arrived: Callable[[], int] | None = None) -> None:
        self.command, self.log = kcat(address, topic, "-X", "linger.ms=5"), log
        self.rate, self.burst, self.arrived = rate, burst, arrived
        self.chance = random.Random(seed)
        self.last = [0] * keys
        self.restarts = 0
        self.moved = Moved()
        self.is_ending, self.is_killed = threading.Event(), False
        self.process = self._start()
        self.thread = threading.Thread(target=self._run, name="tally-load", daemon=True)

    def _start(self) -> subprocess.Popen[bytes]:
        with open(self.log, "ab") as log:
            process = subprocess.Popen(self.command, stdin=subprocess.PIPE, bufsize=0,
                                       stdout=subprocess.DEVNULL, stderr=log)
        os.set_blocking(process.stdin.fileno(), False)
        return process

    @staticmethod
    def key(number: int) -> str:
        return f"k{number:02d}{GROUPS[number % len(GROUPS)]}"

    def expected(self) -> tuple[Tallies, Tallies]:
        """By key, and by group, whose last two numbers depend on the order of arrival."""
        by_key: Tallies = {}
        by_group: Tallies = {}
        for number, last in enumerate(self.last):
            if last == 0:
                continue
            key, total = self.key(number), last * (last + 1) // 2
            by_key[key] = (last, total, last, 0)
            count, group_total, _, _ = by_group.get(key[-1], (0, 0, 0, 0))
            by_group[key[-1]] = (count + last, group_total + total, 0, 0)
        return by_key, by_group

    def start(self) -> None:
        self.thread.start()

    def finish(self) -> None:
        self.is_ending.set()
        self.thread.join(END_TIMEOUT_S)
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self.process.wait(END_TIMEOUT_S if self.arrived is None else STUCK_S) == 0:
                return
        if self.arrived is None:
            raise RuntimeError("kcat could not send the numbered events, see its log")
        self.restarts += 1
        self.process.kill()

    def kill(self) -> None:
        self.is_killed = True
        self.is_ending.set()
        self.process.kill()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # kcat ended: told by finish()
            self._write(range(self.burst))
            start, sent = time.monotonic(), 0
            while not self.is_ending.is_set():
                due = int((time.monotonic() - start) * self.rate)
                self._write(self.chance.randrange(len(self.last)) for _ in range(due - sent))
                sent = due
                self.is_ending.wait(0.02)
            self.process.stdin.close()

    def _write(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            number %= len(self.last)
            self.last[number] += 1
            self._write_line(f"{self.key(number)}|{self.last[number]}\n".encode())
        self._watch()

    def _write_line(self, line: bytes) -> None:
        """Whole or not at all, as pipes take what is short."""
        while not self.is_killed:
            try:
                os.write(self.process.stdin.fileno(), line)
                return
            except BlockingIOError:
                self._watch()
                time.sleep(0.02)
            except OSError:
                if self.arrived is None or self.is_killed:
                    raise
                self._restart()

    def _watch(self) -> None:
        if self.arrived is not None and self.moved.still_s(self.arrived()) > STUCK_S:
            self._restart()

    def _restart(self) -> None:
        self.restarts += 1
        self.moved = Moved()
        self.process.kill()
        self.process.wait()
        time.sleep(1)
        self.process = self._start()


class Moved:
    """Since when a number has not changed."""

    def __init__(self) -> None:
        self.value, self.since = -1, time.monotonic()

    def still_s(self, value: int) -> float:
        if value != self.value:
            self.value, self.since = value, time.monotonic()
        return time.monotonic() - self.since


def send(address: str, topic: str, partition: int, key: str, value: str) -> None:
    """One record, acknowledged when this returns. Its size is what the topic allows."""
    subprocess.run(
        kcat(address, topic, "-p", str(partition), "-X", f"message.max.bytes={SENT_BYTES_MAX}"),
        input=f"{key}|{value}\n".encode(), check=True, capture_output=True, timeout=SEND_TIMEOUT_S)


def send_odd(programs: Path, address: str, topic: str, record: dict) -> None:
    """The same for a record that kcat cannot make: `millrace topic load` says what is in it."""
    subprocess.run(
        [str(programs / "millrace"), "topic", "load", "--bootstrap.servers", address,
         "--topic", topic],
        input=json.dumps(record).encode(), check=True, capture_output=True, timeout=SEND_TIMEOUT_S)
