"""Everything that runs: a broker, proxies, instances of both jobs, load, and who watches them."""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import threading
import time
from pathlib import Path

from broker import Broker
from control import Control
from instance import Instance, Job, Supervisor
from layout import Layout
from load import (
    ACCOUNTS,
    DELIVERED,
    EVENTS,
    FACTS,
    PARCELS,
    CrmLoad,
    LoadOptions,
    TallyLoad,
)
from progress import Place, Progress
from proxy import Network

PARTITIONS = 4
TALLY_INSTANCES = 2
TMPFS_BYTES = 512 << 20
START_TIMEOUT_S = 180
RECOVERY_TIMEOUT_S = 120
DRAIN_TIMEOUT_S = 300
CALM_LOOKS = 5
SNAPSHOTS_MS = 5_000
LOOK_PAUSE_S = 0.3

# Of topics.
LARGE = "max.message.bytes=2000000"
ANY_TIME = "message.timestamp.after.max.ms=9223372036854775807"

COMMON = [
    # Small, so that rows are read from and written to the disk all the time.
    "--cache.bytes", "1MiB", "--write.buffer.bytes", "1MiB", "--block.cache.bytes", "1MiB",
    "--commit.interval.ms", "200", "--worker.threads", "2", "--retry.backoff.max.ms", "1000",
    "--transaction.timeout.ms", "10000",
]


class World:
    def __init__(self, args: argparse.Namespace, work: Path) -> None:
        self.args, self.work = args, work
        self.started = time.monotonic()
        self.output = threading.Lock()
        self.poison: dict[str, list[str]] = {}
        self.cut: set[str] = set()
        """Poison whose dead letters do not fit."""
        self.delivered: list[str] = []
        """Parcels that must arrive."""
        self.copies: dict[str, Path] = {}
        self.problems: list[str] = []
        self.mounted: list[Path] = []
        names = [f"crm-{number + 1}" for number in range(args.instances)]
        names += [f"tally-{number + 1}" for number in range(TALLY_INSTANCES)]
        self.broker = Broker(args.kafka, work / "kafka", args.port, len(names), args.nodes)
        self.layout = Layout(args.port)
        self.network = Network()
        jobs = self._jobs()
        self.jobs = jobs
        self.instances = [self._instance(name, jobs[name.split("-")[0]], number)
                          for number, name in enumerate(names)]
        self.progress = Progress(args.port, {job.group: job.inputs for job in jobs.values()},
                                 self.say)
        options = LoadOptions(args.bin, self.broker.address, args.changes, args.merges, args.seed,
                              args.crm_rate)
        self.crm_load = CrmLoad(options, work / "workload.log", self.say)
        self.tally_load: TallyLoad | None = None
        self.supervisor: Supervisor | None = None

    def _jobs(self) -> dict[str, Job]:
        common = [
            *COMMON,
            *("--session.timeout.ms", str(self.args.session_timeout_ms)),
            *("--standby.replicas", str(self.args.standbys)),
        ]
        for option in self.args.option:
            name, _, value = option.partition("=")
            common += [f"--{name}", value]
        partitions = range(PARTITIONS)
        crm = Job(
            "crm", self.args.bin / "crm_materializer", "crm-faults",
            [(ACCOUNTS, number) for number in partitions] + [(FACTS, 0)], [ACCOUNTS, FACTS],
            ["--create.topics=true", "--topic.partitions", str(PARTITIONS),
             "--dead.letter.topic", "crm.dead-letters", *common], SNAPSHOTS_MS)
        tally = Job(
            "tally", self.args.tally, "tally-faults",
            [(EVENTS, number) for number in partitions] + [(PARCELS, 0)], [EVENTS],
            ["--dead.letter.topic", "tally.dead-letters", "--on.refused.output", "dead_letter",
             *common], environment={"TALLY_PARCELS": "yes"})
        return {"crm": crm, "tally": tally}

    def _instance(self, name: str, job: Job, number: int) -> Instance:
        state = self.work / "state" / name
        state.mkdir(parents=True)
        if self._mount(state):
            self.mounted.append(state)
        ways = self.broker.proxy_ports(number)
        proxy = self.network.proxy(ways)
        control = Control(self.work / f"{name}.control", self.args.libc, state)
        bootstrap = ",".join(f"127.0.0.1:{port}" for port, _ in ways)
        return Instance(name, job, bootstrap, state, self.work / f"{name}.log", proxy, control)

    def _mount(self, folder: Path) -> bool:
        """A small disk of its own, where that is allowed."""
        if not self.args.mounts:
            return False
        command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "faults", str(folder)]
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0

    def extra_instance(self, job: Job, name: str) -> Instance:
        """Not watched by the supervisor; without a proxy."""
        return Instance(name, job, self.broker.address, self.work / "state" / name,
                        self.work / f"{name}.log")

    def say(self, text: str) -> None:
        with self.output:
            print(f"time={time.monotonic() - self.started:.1f}s {text}", flush=True)

    def problem(self, text: str) -> None:
        self.say(f"problem {text}")
        self.problems.append(text)

    def start(self) -> None:
        self.broker.start()
        self.create_tally_topics("faults", PARTITIONS)
        self._create_topic(PARCELS, 1, "delete", LARGE, ANY_TIME)
        self._create_topic(DELIVERED, 1, "compact", "message.timestamp.before.max.ms=604800000")
        self._create_topic("tally.dead-letters", 1, "delete")
        for instance in self.instances:
            instance.start()
        self.wait_calm(START_TIMEOUT_S)
        for instance in self.instances:
            instance.is_held = False
        self.supervisor = Supervisor(self.instances, self.say)
        self.progress.start()
        self.tally_load = TallyLoad(self.broker.address, EVENTS, self.args.tally_rate,
                                    self.work / "kcat.log", seed=self.args.seed,
                                    arrived=lambda: self.progress.end_of(EVENTS))
        self.tally_load.start()
        self.crm_load.start()

    def create_tally_topics(self, prefix: str, partitions: int) -> None:
        self._create_topic(f"{prefix}.events", partitions, "delete", LARGE)
        self._create_topic(f"{prefix}.tallies", partitions, "compact")
        self._create_topic(f"{prefix}.group-tallies", partitions, "compact")

    def _create_topic(self, name: str, partitions: int, policy: str, *settings: str) -> None:
        """Beside `settings` it has a stock broker's."""
        command = [str(self.args.bin / "millrace"), "topic", "create", "--bootstrap.servers",
                   self.broker.address, "--topic", name, "--partitions", str(partitions)]
        for setting in (f"cleanup.policy={policy}", "retention.ms=-1", *settings):
            command += ["--set", setting]
        subprocess.run(command, check=True, capture_output=True, timeout=90)

    def end(self, keeps_topics: bool) -> None:
        """Kills and unmounts whatever is left. Kafka's data stay readable afterwards."""
        if self.supervisor is not None:
            self.supervisor.stop()
        self.crm_load.kill()
        if self.tally_load is not None:
            self.tally_load.kill()
        for instance in self.instances:
            instance.kill()
        if keeps_topics:
            self.broker.stop()
        else:
            self.broker.wipe()
        self.network.end()
        for folder in self.mounted:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, timeout=30)

    def pick(self, chance: random.Random) -> Instance:
        return chance.choice(self.instances)

    def instances_of(self, job: Job) -> list[Instance]:
        return [each for each in self.instances if each.job is job]

    def session_s(self) -> float:
        return self.args.session_timeout_ms / 1000

    def wait_progress(self, records: int, timeout_s: float = RECOVERY_TIMEOUT_S) -> bool:
        """Until so many more input records are committed, in all groups together."""
        target = self.progress.committed_records() + records
        end = time.monotonic() + timeout_s
        while self.progress.committed_records() < target:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def wait_recovered(self, timeout_s: float = RECOVERY_TIMEOUT_S) -> float | None:
        """Seconds until everything is committed that is in the inputs now; None: too many."""
        start = time.monotonic()
        targets = self.progress.end_offsets()
        while self.progress.behind(targets):
            if time.monotonic() - start > timeout_s:
                return None
            time.sleep(0.02)
        return time.monotonic() - start

    def behind(self) -> dict[Place, int]:
        return self.progress.behind(self.progress.end_offsets())

    def drain(self) -> None:
        if self.wait_recovered(DRAIN_TIMEOUT_S) is None:
            self.problem(f"inputs are not committed to their ends: {self.behind()}")
        try:
            self.wait_calm(DRAIN_TIMEOUT_S)
        except TimeoutError as error:
            self.problem(str(error))

    def wait_calm(self, timeout_s: float) -> None:
        """Until several looks in a row find all instances with nothing to do."""
        calm, end = 0, time.monotonic() + timeout_s
        while calm < CALM_LOOKS:
            if time.monotonic() > end:
                states = {each.name: each.health() for each in self.instances}
                raise TimeoutError(f"not calm after {timeout_s:.0f} s: {states}")
            time.sleep(LOOK_PAUSE_S)
            calm = calm + 1 if all(each.is_calm() for each in self.instances) else 0

    def keep_copy(self, instance: Instance) -> bool:
        """Copies the state of an instance that does not run, unless there is a copy already."""
        copy = self.work / "copies" / instance.name
        if copy.exists():
            return False
        shutil.copytree(instance.state, copy)
        self.copies[instance.name] = copy
        return True
