#!/usr/bin/env python3
"""Runs crm_materializer over a synthetic workload on a real Kafka, all phases of it, kills it with
SIGKILL once while it works, and compares the outputs with what the workload says they must come to.

    synthetic_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --mapping FILE [--profile s]

It starts a Kafka of its own.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from process import DRAIN_TIMEOUT_S, Instance, with_kafka

PHASES = ["backfill", "steady", "bulk-import", "quarter-end", "bulk-dedupe", "realignment"]
# The quarter of the workload ended some days ago.
START_DAYS_AGO = 95
CHECK_WAIT_S = 60


def run(args, bootstrap, work):
    instance = Instance(args.bin, bootstrap, work, "crm-synthetic",
                        ["--crm.mapping", str(args.mapping)])
    try:
        instance.wait_caught_up()
        expected = work / "expected"
        start_ms = int((time.time() - START_DAYS_AGO * 86_400) * 1000)
        command = [str(args.bin / "crm_workload"), "synthetic", "--bootstrap.servers", bootstrap,
                   "--profile", args.profile, "--seed", str(args.seed), "--rate", str(args.rate),
                   "--start-ms", str(start_ms), "--expected", str(expected)]
        for phase in PHASES:
            command += ["--phase", phase]
        with open(work / "workload.log", "wb") as log:
            load = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        time.sleep(args.kill_after_s)
        instance.kill()
        print(f"kill=1 loading={'yes' if load.poll() is None else 'no'}", flush=True)
        instance.start()
        if load.wait(DRAIN_TIMEOUT_S) != 0:
            raise RuntimeError("the workload failed, see its log")
        instance.wait_caught_up()
        check = subprocess.run(
            [str(args.bin / "crm_workload"), "check", "--bootstrap.servers", bootstrap,
             "--expected", str(expected), "--wait", str(CHECK_WAIT_S)], check=False)
        if (code := instance.stop()) != 0:
            print(f"an orderly stop exits with {code}")
            return 1
        return check.returncode
    finally:
        if instance.process.poll() is None:
            instance.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--kafka", type=Path, required=True)
    parser.add_argument("--mapping", type=Path, required=True)
    parser.add_argument("--profile", default="s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--kill-after-s", type=float, default=6.0)
    args = parser.parse_args()
    return with_kafka(args.kafka, "synthetic", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
