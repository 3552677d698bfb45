#!/usr/bin/env python3
"""Prints what crm_materializer costs over the phases of the synthetic workload (apps/synthetic):
CPU per record, records and bytes produced per record, and memory.

    bench/crm/phases.py [--profile m] [--phases backfill steady] [-- OPTIONS OF crm_materializer]

All input of a phase waits on a Kafka of its own before the program starts, and each phase continues
from the state that the one before it left. Afterwards it compares all outputs with what the
workload must come to, unless --no-check. One line a phase:

    phase=NAME records=N cpu_us_per_record=F … per_s=F produced=F produced_bytes=F peak_mb=N

--topics adds a line for each topic: records and bytes produced to it per record of the phase.
--peer COMMAND measures the same flow in Kafka Streams: the command of bench/peer's mode `crm`,
which gets its options here, works off what waits, prints its costs and ends.
--perf FILE also records where the CPU time goes, for `perf report -i FILE.PHASE`.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/broker/crm"))

from process import Instance, with_kafka  # noqa: E402

PHASES = ["backfill", "steady", "bulk-import", "quarter-end", "bulk-dedupe", "realignment"]
APPLICATION = "crm-phases"
# The quarter of the workload ended some days ago.
START_DAYS_AGO = 95
PEER_START_S = 120
PERF_RATE = 99


def sums_of(text, names):
    """The sums over all labels of the counters `names` in Prometheus' text."""
    sums = dict.fromkeys(names, 0.0)
    for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE):
        if name in sums:
            sums[name] += float(value)
    return sums


def sums_by_topic(text, name):
    """The counter `name` by the label topic."""
    sums = {}
    for labels, value in re.findall(rf"^{name}\{{([^}}]*)\}} (\S+)$", text, re.MULTILINE):
        topic = re.search(r'topic="([^"]*)"', labels)
        if topic is not None:
            sums[topic[1]] = sums.get(topic[1], 0.0) + float(value)
    return sums


class Phases:
    def __init__(self, args, bootstrap, work):
        self.args, self.bootstrap, self.work = args, bootstrap, work
        self.done = []
        self.start_ms = int((time.time() - START_DAYS_AGO * 86_400) * 1000)
        self.options = ["--crm.mapping", str(ROOT / "apps/data/synthetic_mapping.json"),
                        "--topic.partitions", str(args.partitions), *args.options]

    def workload(self, phase, *more):
        size = ["--accounts", str(self.args.accounts)] if self.args.accounts else [
            "--profile", self.args.profile]
        names = [word for name in self.done for word in ("--after", name)]
        return [str(self.args.bin / "crm_workload"), "synthetic", "--bootstrap.servers",
                self.bootstrap, *size, "--seed", str(self.args.seed), "--start-ms",
                str(self.start_ms), "--partitions", str(self.args.partitions), *names, "--phase",
                phase, *more]

    def load(self, phase):
        """Sends the phase; returns its number of records."""
        more = []
        if not self.args.no_check and phase == self.args.phases[-1]:
            more = ["--expected", str(self.work / "expected")]
        sent = subprocess.run(self.workload(phase, *more), check=True, capture_output=True,
                              text=True).stdout
        self.done.append(phase)
        return int(sent.split("sent records=")[1].split()[0])

    def measure_peer(self, phase):
        records = self.load(phase)
        command = shlex.split(self.args.peer) + [
            "--bootstrap", self.bootstrap, "--application-id", APPLICATION, "--state-dir",
            str(self.work / "peer-state"), "--partitions", str(self.args.partitions),
            "--timeout-s", str(int(self.args.timeout_s))]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                                timeout=self.args.timeout_s + PEER_START_S).stdout
        cost = json.loads(answer.splitlines()[-1])
        print(f"phase={phase} records={records} "
              f"cpu_us_per_record={cost['cpu_seconds'] / records * 1e6:.1f} "
              f"seconds={cost['seconds']:.1f} per_s={records / cost['seconds']:.0f} "
              f"peak_mb={cost['peak_rss_mib']:.0f}", flush=True)

    def measure(self, phase):
        records = self.load(phase)
        begun = time.monotonic()
        instance = Instance(self.args.bin, self.bootstrap, self.work, APPLICATION, self.options)
        perf = None
        try:
            instance.wait_running()
            if self.args.perf:
                perf = subprocess.Popen(
                    ["perf", "record", "-q", "-F", str(PERF_RATE), "-p",
                     str(instance.process.pid), "-o", f"{self.args.perf}.{phase}"])
            instance.wait_caught_up(self.args.timeout_s)
            seconds, cpu_s = time.monotonic() - begun, instance.cpu_s()
            _, text, _ = instance.ask_text("/v1/metrics")
            sums = sums_of(text, ["millrace_records_produced_total",
                                  "millrace_produced_bytes_total", "millrace_commits_total"])
            print(f"phase={phase} records={records} cpu_us_per_record={cpu_s / records * 1e6:.1f} "
                  f"seconds={seconds:.0f} per_s={records / seconds:.0f} "
                  f"produced={sums['millrace_records_produced_total'] / records:.2f} "
                  f"produced_bytes={sums['millrace_produced_bytes_total'] / records:.0f} "
                  f"commits={sums['millrace_commits_total']:.0f} peak_mb={instance.peak_mb()}",
                  flush=True)
            if self.args.topics:
                self.print_topics(text, records)
        finally:
            if instance.process.poll() is None and instance.stop() != 0:
                raise RuntimeError("the materializer did not stop in order, see its log")
            if perf is not None:
                perf.wait(60)

    @staticmethod
    def print_topics(text, records):
        sent = sums_by_topic(text, "millrace_records_produced_total")
        size = sums_by_topic(text, "millrace_produced_bytes_total")
        for topic in sorted(sent, key=sent.get, reverse=True):
            print(f"  topic={topic} produced={sent[topic] / records:.3f} "
                  f"produced_bytes={size.get(topic, 0) / records:.0f}", flush=True)

    def compare_outputs(self, *more):
        return subprocess.run(
            [str(self.args.bin / "crm_workload"), "check", "--bootstrap.servers", self.bootstrap,
             "--expected", str(self.work / "expected"), *more], check=False).returncode

    def check(self):
        if self.args.peer:
            return self.compare_outputs()
        instance = Instance(self.args.bin, self.bootstrap, self.work, APPLICATION, self.options)
        try:
            instance.wait_caught_up(self.args.timeout_s)
            return self.compare_outputs("--wait", "60")
        finally:
            instance.stop()

    def run(self):
        for phase in self.args.phases:
            if self.args.peer:
                self.measure_peer(phase)
            else:
                self.measure(phase)
        return 0 if self.args.no_check else self.check()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=ROOT / ".build/release/apps",
                        help="folder of the programs")
    parser.add_argument("--kafka", type=Path, default=ROOT / "apps/kafka/local_kafka.sh",
                        help="the script of a local Kafka")
    parser.add_argument("--profile", default="m")
    parser.add_argument("--accounts", type=int, help="instead of a profile")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--phases", nargs="+", default=PHASES, choices=PHASES)
    parser.add_argument("--no-check", action="store_true")
    parser.add_argument("--topics", action="store_true", help="print what goes to each topic")
    parser.add_argument("--peer", metavar="COMMAND", help="measure Kafka Streams instead")
    parser.add_argument("--perf", help="begin of the files for perf")
    parser.add_argument("--timeout-s", type=float, default=3600)
    own, options = sys.argv[1:], []
    if "--" in own:
        own, options = own[:own.index("--")], own[own.index("--") + 1:]
    args = parser.parse_args(own)
    args.options = options
    return with_kafka(args.kafka, "crm-phases",
                      lambda bootstrap, work: Phases(args, bootstrap, work).run())


if __name__ == "__main__":
    sys.exit(main())
