#!/usr/bin/env python3
"""Runs crm_materializer over a synthetic workload on a real Kafka, all phases of it, kills each
instance with SIGKILL once while it works, and compares the outputs with what the workload says they
must come to.

    synthetic_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --mapping FILE [--profile s]
                      [--partitions 4] [--instances 1]

It starts a Kafka of its own. With --measure it waits after each phase, and prints what it took.
"""

import subprocess
import sys
import time
from pathlib import Path

from arguments import parser_of
from process import DRAIN_TIMEOUT_S, Instance, with_kafka

PHASES = ["backfill", "steady", "bulk-import", "quarter-end", "bulk-dedupe", "realignment"]
# The quarter of the workload ended some days ago.
START_DAYS_AGO = 95
CHECK_WAIT_S = 60


def workload_command(args, bootstrap, start_ms, expected):
    return [str(args.bin / "crm_workload"), "synthetic", "--bootstrap.servers", bootstrap,
            "--profile", args.profile, "--seed", str(args.seed), "--rate", str(args.rate),
            "--partitions", str(args.partitions), "--start-ms", str(start_ms),
            "--expected", str(expected),
            "--expected-share", args.expected_share]


def cpu_s(instances):
    return sum(instance.cpu_s() for instance in instances)


def kill_each(args, instances, load):
    """Returns the CPU time that the killed processes had used."""
    used_s = 0
    for number, instance in enumerate(instances):
        time.sleep(args.kill_after_s)
        used_s += instance.cpu_s()
        instance.kill()
        print(f"kill={number + 1} loading={'yes' if load.poll() is None else 'no'}", flush=True)
        instance.start()
    return used_s


def wait_caught_up(args, instances):
    for instance in instances:
        instance.wait_caught_up(args.timeout_s)


def measured(args, instances, phase, records, begun, cpu_before_s):
    """Waits until the phase is worked off; `begun` and `cpu_before_s` are from before it."""
    wait_caught_up(args, instances)
    seconds, used_s = time.monotonic() - begun, cpu_s(instances) - cpu_before_s
    print(f"phase={phase} records={records} seconds={seconds:.0f} "
          f"records_per_s={records / seconds:.0f} cpu_us_per_record={used_s / records * 1e6:.0f} "
          f"peak_mb={max(instance.peak_mb() for instance in instances)}", flush=True)


def send_phases(args, instances, command, work):
    steps = [[phase] for phase in args.phases] if args.measure else [args.phases]
    done = []
    for step in steps:
        begun, cpu_before_s = time.monotonic(), cpu_s(instances)
        names = [word for name in done for word in ("--after", name)]
        names += [word for name in step for word in ("--phase", name)]
        with open(work / "workload.log", "ab") as log:
            # The expected outputs are known after the last phase.
            options = command if step is steps[-1] else command[:command.index("--expected")]
            load = subprocess.Popen(options + names, stdout=log, stderr=subprocess.STDOUT)
        if not done:
            cpu_before_s -= kill_each(args, instances, load)
        if load.wait(args.timeout_s) != 0:
            raise RuntimeError("the workload failed, see its log")
        done += step
        if args.measure:
            sent = (work / "workload.log").read_text().split("sent records=")[-1].split()[0]
            measured(args, instances, step[0], int(sent), begun, cpu_before_s)


def run(args, bootstrap, work):
    options = ["--crm.mapping", str(args.mapping), "--topic.partitions", str(args.partitions)]
    instances = [Instance(args.bin, bootstrap, work, f"crm-synthetic-{number}", options,
                          application="crm-synthetic")
                 for number in range(args.instances)]
    try:
        for instance in instances:
            instance.wait_caught_up()
        expected = work / "expected"
        start_ms = int((time.time() - START_DAYS_AGO * 86_400) * 1000)
        send_phases(args, instances, workload_command(args, bootstrap, start_ms, expected), work)
        wait_caught_up(args, instances)
        check = subprocess.run(
            [str(args.bin / "crm_workload"), "check", "--bootstrap.servers", bootstrap,
             "--expected", str(expected), "--wait", str(CHECK_WAIT_S)], check=False)
        codes = [instance.stop() for instance in instances]
        if any(codes):
            print(f"orderly stops exit with {codes}")
            return 1
        return check.returncode
    finally:
        for instance in instances:
            if instance.process.poll() is None:
                instance.kill()


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--mapping", type=Path, required=True)
    parser.add_argument("--profile", default="s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--instances", type=int, default=1)
    parser.add_argument("--kill-after-s", type=float, default=6.0)
    parser.add_argument("--phases", nargs="+", default=PHASES, choices=PHASES)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--expected-share", default="1/1", help="I/N: look at that part only")
    parser.add_argument("--timeout-s", type=float, default=DRAIN_TIMEOUT_S,
                        help="for a step of the load, and until it is worked off")
    args = parser.parse_args()
    return with_kafka(args.kafka, "synthetic", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
