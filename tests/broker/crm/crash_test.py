#!/usr/bin/env python3
"""Runs crm_materializer over a registry history on a real Kafka, kills it with SIGKILL at random
moments while it works, starts it again, and compares the final topics and every query with the
oracle.

    crash_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --data DIR [--kills 10] [--seed 1]

--bin has crm_materializer, crm_workload and millrace; --data has one *.jsonl.gz (snapshots)
and one *merges.csv. It starts a Kafka of its own. Last line: what was lost, doubled or wrong.
"""

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compare import (
    Report,
    check_conflicts,
    check_queries,
    check_redirect_log,
    check_redirects,
    check_states,
    check_versions,
    dump,
)
from oracle import Expected

START_TIMEOUT_S = 60
DRAIN_TIMEOUT_S = 180


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Instance:
    """One crm_materializer process."""

    def __init__(self, args, bootstrap, work):
        self.command = [
            str(args.bin / "crm_materializer"), "--bootstrap.servers", bootstrap,
            "--application.id", "crm-crash", "--state.dir", str(work / "state"),
            "--create.topics=true", "--session.timeout.ms", "2000", "--query.port",
        ]
        self.log = open(work / "materializer.log", "ab")
        self.start()

    def start(self):
        self.port = free_port()
        self.process = subprocess.Popen(self.command + [str(self.port)], stdout=self.log,
                                        stderr=self.log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def wait_caught_up(self):
        """Until three looks in a row find nothing left to do, and no lag."""
        calm, end = 0, time.monotonic() + DRAIN_TIMEOUT_S
        while calm < 3:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("the materializer did not catch up, see its log")
            time.sleep(0.5)
            try:
                _, health = self.get("/v1/health")
            except OSError:
                calm = 0
                continue
            calm = calm + 1 if health["caught_up"] and health["lag_records"] == 0 else 0

    def stop(self):
        self.process.terminate()
        return self.process.wait(40)


def crash_under_load(args, bootstrap, work, instance, records):
    # So slow that the load still runs at the last kill.
    rate = max(1, int(records / (args.kills * args.kill_interval_s * 0.6)))
    files = ["--changes", str(args.changes), "--merges", str(args.merges)]
    load = subprocess.Popen(
        [str(args.bin / "crm_workload"), "registry", "--bootstrap.servers", bootstrap, "--rate",
         str(rate), "--partitions", "4"] + files,
        stdout=open(work / "workload.log", "wb"), stderr=subprocess.STDOUT)
    chance = random.Random(args.seed)
    for number in range(args.kills):
        time.sleep(chance.uniform(0.3, args.kill_interval_s))
        instance.kill()
        print(f"kill={number + 1} loading={'yes' if load.poll() is None else 'no'}", flush=True)
        instance.start()
    if load.wait(DRAIN_TIMEOUT_S) != 0:
        raise RuntimeError("the workload failed, see its log")


def run(args, bootstrap, work):
    expected = Expected(args.changes, args.merges)
    instance = Instance(args, bootstrap, work)
    try:
        crash_under_load(args, bootstrap, work, instance, expected.records)
        instance.wait_caught_up()
        report = Report()
        states = dump(args.bin, bootstrap, "crm.account-state", False)
        redirects = dump(args.bin, bootstrap, "crm.redirects", False)
        conflicts = dump(args.bin, bootstrap, "crm.conflicts", False)
        check_redirects(expected, dump(args.bin, bootstrap, "crm.redirects", True), report)
        check_states(expected, dump(args.bin, bootstrap, "crm.account-state", True), report)
        check_versions(states, report)
        check_redirect_log(redirects, report)
        check_conflicts(conflicts, expected, report)
        if elsewhere := check_queries(expected, lambda _: [instance.port], report):
            report.add("lost", f"{elsewhere} queries, though all tasks are on one instance")
        if (code := instance.stop()) != 0:
            report.add("wrong", f"an orderly stop exits with {code}")
    finally:
        if instance.process.poll() is None:
            instance.kill()
    counts = report.counts
    print(f"faults={args.kills} ids={len(expected.ids)} records={len(states)} "
          f"lost={counts['lost']} doubled={counts['doubled']} wrong={counts['wrong']}", flush=True)
    return 0 if not counts else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--kafka", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True,
                        help="overridden by MILLRACE_REGISTRY_DATA, the folder of a larger history")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--kill-interval-s", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.data = Path(os.environ.get("MILLRACE_REGISTRY_DATA", args.data))
    args.changes = next(args.data.glob("*.jsonl.gz"))
    args.merges = next(args.data.glob("*merges.csv"))

    work = Path(tempfile.mkdtemp(prefix="millrace-crash-"))
    port = free_port()
    kafka = [str(args.kafka)]
    where = ["--port", str(port), "--dir", str(work / "kafka")]
    subprocess.run(kafka + ["start"] + where, check=True, timeout=180)
    code = 1
    try:
        code = run(args, f"127.0.0.1:{port}", work)
    finally:
        subprocess.run(kafka + ["wipe"] + where, check=False, timeout=60)
        if code == 0:
            shutil.rmtree(work)
        else:
            print(f"logs are in {work}", file=sys.stderr)
    return code


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
