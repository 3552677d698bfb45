#!/usr/bin/env python3
"""Runs crm_materializer over a registry history on a real Kafka, kills it with SIGKILL at random
moments while it works, starts it again, and compares the final topics and every query with the
oracle.

    crash_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --data DIR [--kills 10] [--seed 1]

--bin has crm_materializer, crm_workload and millrace; --data has one *.jsonl.gz (snapshots)
and one *merges.csv. It starts a Kafka of its own. Last line: what was lost, doubled or wrong.
"""

import random
import subprocess
import sys
import time

from arguments import add_registry, find_registry, parser_of
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
from process import DRAIN_TIMEOUT_S, Instance, with_kafka

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
    instance = Instance(args.bin, bootstrap, work, "crm-crash")
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
    parser = parser_of(__doc__)
    add_registry(parser)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--kill-interval-s", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    find_registry(args)

    return with_kafka(args.kafka, "crash", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
