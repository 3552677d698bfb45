"""Several instances of the tally job on the Kafka under test, their load, and what they left."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from compare import Report, dump
from instance import Instance, Job
from load import TallyLoad
from verdict import check_tally
from wire import EARLIEST, Partition, Wire, WireError

PARTITIONS = 4
TASKS = PARTITIONS  # an exchange of the same width splits none
PATIENCE_S = 60
LOOK_PAUSE_S = 0.1
CALM_LOOKS = 3
ROWS_ASKED = 200
OPTIONS = [
    "--commit.interval.ms", "100", "--worker.threads", "1", "--retry.backoff.max.ms", "1000",
    "--transaction.timeout.ms", "10000",
]


def wait_until(is_true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience_s:.0f} s")
        time.sleep(LOOK_PAUSE_S)


class Fleet:
    def __init__(self, programs: Path, tally: Path, bootstrap: str, work: Path, name: str,
                 options: list[str]) -> None:
        self.programs, self.bootstrap, self.work = programs, bootstrap, work
        self.prefix = f"mi-{name}-{os.getpid()}-{time.time_ns() % 1_000_000_000}"
        self.events = f"{self.prefix}.events"
        self.inputs = [(self.events, number) for number in range(PARTITIONS)]
        self.job = Job("tally", tally, self.prefix, self.inputs, [], [*OPTIONS, *options])
        self.wire = Wire(int(bootstrap.rsplit(":", 1)[1]))
        self.instances: list[Instance] = []
        self.live: list[Instance] = []
        self.load: TallyLoad | None = None
        self.tasks = TASKS
        for topic, policy in ((self.events, "delete"), (f"{self.prefix}.tallies", "compact"),
                              (f"{self.prefix}.group-tallies", "compact")):
            self.create_topic(topic, policy)

    def create_topic(self, topic: str, policy: str = "delete") -> None:
        subprocess.run(
            [str(self.programs / "millrace"), "topic", "create", "--bootstrap.servers",
             self.bootstrap, "--topic", topic, "--partitions", str(PARTITIONS),
             "--set", f"cleanup.policy={policy}", "--set", "retention.ms=-1"],
            check=True, capture_output=True, timeout=90)

    def start_load(self, rate: int, keys: int, burst: int = 0) -> None:
        self.load = TallyLoad(self.bootstrap, self.events, rate, self.work / "kcat.log",
                              keys=keys, burst=burst)
        self.load.start()

    def add(self, count: int = 1, has_static_id: bool = False) -> None:
        for _ in range(count):
            self.start(self.make(f"i{len(self.instances) + 1}"), has_static_id)

    def make(self, name: str, state: str = "") -> Instance:
        """One that does not run yet; `state`: its directory, if it is not the name's."""
        state = state or name
        instance = Instance(name, self.job, self.bootstrap, self.work / "state" / state,
                            self.work / f"{state}.log")
        self.instances.append(instance)
        return instance

    def start(self, instance: Instance, has_static_id: bool = False, **environment: str) -> None:
        if has_static_id:
            environment["MILLRACE_INSTANCE_ID"] = instance.name
        instance.start(TALLY_TOPICS=self.prefix, **environment)
        self.live.append(instance)

    def stop(self, instance: Instance) -> None:
        self.live.remove(instance)
        code = instance.stop()
        assert code == 0, f"an orderly stop of {instance.name} ends with {code}"

    def wait_ended(self, instance: Instance) -> int:
        """The exit code of one that ends by itself."""
        wait_until(lambda: not instance.is_running(), f"end of {instance.name}")
        self.live.remove(instance)
        return instance.wait(1)

    def kill(self, instance: Instance) -> None:
        self.live.remove(instance)
        instance.kill()

    def end(self) -> None:
        """Kills whatever is left."""
        if self.load is not None:
            self.load.kill()
        for instance in self.instances:
            instance.kill()
        self.wire.close()

    # Actions.

    def wait_balanced(self, standbys: int = 0) -> None:
        """Until every task runs once, has its caught-up standbys, and no better plan is left."""
        wait_until(lambda: self._is_balanced(standbys), "tasks balanced")

    def _is_balanced(self, standbys: int) -> bool:
        running, following = [], 0
        for instance in self.live:
            assert instance.is_running(), f"{instance.name} has ended, see its log"
            health = instance.health()
            if health.get("state") != "running":
                return False
            stages = [task["stage"] for task in health["tasks"]]
            running.append(stages.count("running"))
            followed = [task for task in health["tasks"] if task["stage"] == "standby"]
            following += len(followed)
            if not all(task["caught_up"] for task in followed):
                return False
        return (sum(running) == self.tasks and max(running) - min(running) <= 1
                and following == self.tasks * standbys)

    def committed(self) -> int:
        try:
            return sum(self.wire.committed(self.prefix, self.inputs).values())
        except WireError:
            return 0

    def wait_committed(self, more: int) -> None:
        """Until so many more events are committed."""
        target = self.committed() + more
        wait_until(lambda: self.committed() >= target, f"{more} more events committed")

    def internal(self, suffix: str) -> list[Partition]:
        listed = subprocess.run(["kcat", "-L", "-J", "-b", self.bootstrap], check=True,
                                capture_output=True, timeout=30)
        return [(topic["topic"], part["partition"])
                for topic in json.loads(listed.stdout)["topics"]
                if topic["topic"].startswith(self.prefix) and topic["topic"].endswith(suffix)
                for part in topic["partitions"]]

    def changelog_records(self) -> int:
        """Offsets in all changelogs: rows, and a marker for each transaction."""
        return sum(self.wire.ends(self.internal("-changelog")).values())

    def wait_purged(self) -> int:
        """Until what is committed now is gone from the exchange; what is left of it."""
        partitions = self.internal("-exchange")
        assert partitions, "the job has no exchange"
        passed = self.wire.committed(self.prefix, partitions)
        assert sum(passed.values()) > 0, "nothing went by the exchange"

        def is_purged() -> bool:
            try:
                lows = self.wire.ends(partitions, EARLIEST)
            except WireError:  # a leader has moved
                self.wire.close()
                return False
            return all(lows[each] >= offset for each, offset in passed.items())

        wait_until(is_purged, "exchange purged")
        lows = self.wire.ends(partitions, EARLIEST)
        return sum(self.wire.ends(partitions).values()) - sum(lows.values())

    def metric(self, instance: Instance, name: str) -> int:
        url = f"http://127.0.0.1:{instance.port}/v1/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return int(float(line.split()[1]))
        raise KeyError(name)

    def restored(self, instance: Instance) -> int:
        return self.metric(instance, "millrace_restored_records_total")

    def rebalances(self, instance: Instance) -> int:
        return self.metric(instance, "millrace_rebalances_total")

    # Results.

    def finish(self) -> Report:
        """Ends the load, lets everything be processed, and compares."""
        assert self.load is not None
        self.load.finish()
        ends = self.wire.ends(self.inputs)
        assert sum(ends.values()) == sum(self.load.last), "Kafka does not hold what was sent"
        wait_until(lambda: self.committed() >= sum(ends.values()), "all events committed")
        self._wait_calm()
        report = Report()
        for store, tallies in zip(("tallies", "group-tallies"), self.load.expected(), strict=True):
            self._compare(store, tallies, store == "tallies", report)
        return report

    def _wait_calm(self) -> None:
        calm = 0

        def is_calm() -> bool:
            nonlocal calm
            calm = calm + 1 if all(each.is_calm() for each in self.live) else 0
            return calm >= CALM_LOOKS

        wait_until(is_calm, "all instances idle")

    def _compare(self, store: str, tallies: dict, is_ordered: bool, report: Report) -> None:
        topic = f"{self.prefix}.{store}"
        rows = {line["key"]: line["value"] for line in dump(self.programs, self.bootstrap, topic,
                                                            latest=True)}
        for key, want in tallies.items():
            check_tally(f"topic {store}", key, want, rows.get(key), is_ordered, report)
        for key in rows.keys() - tallies.keys():
            report.add("wrong", f"topic {store} of {key}, which no event names")
        for key in sorted(tallies)[:: max(1, len(tallies) // ROWS_ASKED)]:
            check_tally(f"store {store}", key, tallies[key], self._row(store, key), is_ordered,
                        report)

    def _row(self, store: str, key: str) -> str | None:
        for instance in self.live:
            status, body = instance.get(f"/v1/stores/{store}?format=hex&key={key}")
            if status == 200:
                return bytes.fromhex(body["value_hex"]).decode()
        return None
