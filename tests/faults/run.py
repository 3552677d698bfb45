#!/usr/bin/env python3
"""Runs the CRM job and a counting job under load with several instances, breaks things on a seeded
schedule, and compares topics, stores and queries with an independent oracle. See README.md.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "broker" / "crm"))

from broker import free_ports  # noqa: E402
from instance import Instance  # noqa: E402
from kinds import all_kinds, chosen  # noqa: E402
from kinds.base import Fault, Outcome  # noqa: E402
from verdict import check_everything, check_stores, expected_accounts  # noqa: E402
from world import START_TIMEOUT_S, TALLY_INSTANCES, World  # noqa: E402

FIRST_RECORDS = 1500
PAUSE_MAX_S = 5.0
OVERLAP_CHANCE = 0.25


class Run:
    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = 0
        self.skipped: set[str] = set()

    def schedule(self, seed: int, minutes: float) -> None:
        """All kinds in a random order, again and again, until the time is over."""
        chance = random.Random(seed)
        if not self.world.wait_progress(FIRST_RECORDS):  # state that can be damaged
            self.world.problem("no progress before the first fault")
        end = time.monotonic() + minutes * 60
        bag: list[Fault] = []
        while time.monotonic() < end or any(each.is_early for each in bag):
            if not bag:
                bag = list(all_kinds().values())
                chance.shuffle(bag)
                bag.sort(key=lambda each: each.is_early)  # taken from the end
            fault = next((each for each in reversed(bag) if each.is_ready(self.world)), bag[-1])
            bag.remove(fault)
            self.strike(fault, random.Random(chance.getrandbits(64)))
            if not fault.is_early:
                time.sleep(chance.uniform(0, PAUSE_MAX_S))

    def focused(self, faults: list[Fault], seed: int) -> None:
        """Each kind once, when so many records are committed, and everything recovers after it."""
        for fault in faults:
            is_first = True
            while is_first or not fault.is_ready(self.world):
                is_first = False
                if not self.world.wait_progress(FIRST_RECORDS):
                    self.world.problem(f"no progress before {fault.kind}")
                    break
            self.strike(fault, random.Random(f"{seed}/{fault.kind}"), may_overlap=False)

    def strike(self, fault: Fault, chance: random.Random, may_overlap: bool = True) -> None:
        world = self.world
        if reason := fault.skip_reason(world):
            if fault.kind not in self.skipped:
                world.say(f"fault={fault.kind} target=- outcome=skipped reason={reason}")
            self.skipped.add(fault.kind)
            return
        overlaps = may_overlap and chance.random() < OVERLAP_CHANCE
        self.faults += 1
        try:
            outcome = fault.strike(world, chance)
        except Exception as error:
            outcome = Outcome("-", f"harness_{type(error).__name__}:{error}", is_failure=True)
        line = f"fault={fault.kind} target={outcome.target} outcome={outcome.text}"
        if overlaps:
            world.say(f"{line} recovery=not_awaited")
        elif (recovered_s := world.wait_recovered()) is None:
            world.say(f"{line} recovery=none")
            states = {each.name: each.health() for each in world.instances}
            world.problem(f"no recovery from {fault.kind}: {world.behind()} {states}")
        else:
            world.say(f"{line} recovered_ms={recovered_s * 1000:.0f}")
        if outcome.is_failure:
            world.problem(f"{fault.kind} of {outcome.target}: {outcome.text}")


def stop_all(instances: list[Instance], world: World) -> None:
    for instance in instances:
        with instance.lock:
            instance.is_held = True
        if (code := instance.stop()) != 0:
            world.problem(f"an orderly stop of {instance.name} at the end: exit code {code}")


def rebuild(world: World) -> None:
    """All stores once more, from nothing but their changelogs."""
    stop_all(world.instances, world)
    for instance in world.instances:
        for entry in instance.state.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.rmtree(instance.snapshots, ignore_errors=True)
        instance.start()
    world.wait_calm(START_TIMEOUT_S)


def run(world: World, args: argparse.Namespace) -> int:
    job = Run(world)
    world.start()
    world.say(f"started seed={args.seed} instances={args.instances}+{TALLY_INSTANCES}")
    if args.only:
        job.focused(chosen(args.only), args.seed)
    else:
        job.schedule(args.seed, args.minutes)
    world.crm_load.finish()
    world.tally_load.finish()
    world.drain()
    world.progress.stop()
    report = check_everything(world)
    gap, place = world.progress.gap_s, world.progress.gap_text
    before = len(world.problems)
    rebuild(world)
    world.say("compare stores=rebuilt")
    check_stores(world, expected_accounts(world), report)
    stop_all(world.instances, world)
    for text in world.problems[before:]:
        report.add("wrong", text)
    world.say(f"longest_gap partition={place} exits={world.supervisor.exits} "
              f"loader_restarts={world.tally_load.restarts} "
              f"skipped={','.join(sorted(job.skipped)) or 'none'}")
    counts = report.counts
    print(f"faults={job.faults} records={world.progress.records()} lost={counts['lost']} "
          f"doubled={counts['doubled']} wrong={counts['wrong']} max_gap_ms={gap * 1000:.0f}",
          flush=True)
    return 1 if counts else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/faults/run.sh", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float(
        os.environ.get("MILLRACE_FAULTS_SECONDS", "75")) / 60,
        help="time for faults; starting, draining and comparing come on top "
             "(default: MILLRACE_FAULTS_SECONDS, else 75 s)")
    parser.add_argument("--instances", type=int, default=3, help="of the CRM job (default 3)")
    parser.add_argument("--nodes", type=int, choices=(1, 2), default=2,
                        help="of the Kafka (default 2)")
    parser.add_argument("--only", metavar="KIND", help="each fault of this kind once; see --kinds")
    parser.add_argument("--kinds", action="store_true", help="list the kinds and exit")
    parser.add_argument("--bin", type=Path, default=ROOT / ".build" / "release" / "apps")
    parser.add_argument("--tally", type=Path,
                        default=ROOT / ".build" / "release" / "tests" / "faults" / "tally_job")
    parser.add_argument("--libc", type=Path, default=ROOT / ".build" / "release" / "tests" /
                        "faults" / "libfaulty_libc.so", help="preloaded into instances")
    parser.add_argument("--kafka", type=Path, default=ROOT / "apps" / "kafka" / "local_kafka.sh")
    parser.add_argument("--data", type=Path, default=ROOT / "apps" / "data")
    parser.add_argument("--port", type=int,
                        help="of the Kafka; its nodes and proxies have ports up to +70")
    parser.add_argument("--crm-rate", type=int, default=200, help="records per second")
    parser.add_argument("--tally-rate", type=int, default=100, help="records per second")
    parser.add_argument("--session-timeout-ms", type=int, default=3000)
    parser.add_argument("--standbys", type=int, default=1, help="copies of each task's state")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                        help="a property of both jobs, e.g. processing.guarantee=at_least_once, "
                             "which must show as doubled")
    parser.add_argument("--mounts", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="keep logs and state of a good run")
    args = parser.parse_args()
    if args.only and not chosen(args.only):
        parser.error(f"no such kind: {args.only} (see --kinds)")
    args.libc = args.libc.resolve()
    args.changes = next(args.data.glob("*.jsonl.gz"))
    args.merges = next(args.data.glob("*merges.csv"))
    return args


def interrupted(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    args = arguments()
    if args.kinds:
        print("\n".join(all_kinds()))
        return 0
    signal.signal(signal.SIGTERM, interrupted)
    args.port = args.port or free_ports(args.instances + TALLY_INSTANCES, args.nodes)
    work = Path(tempfile.mkdtemp(prefix="millrace-faults-"))
    world, code = None, 1
    try:
        world = World(args, work)
        code = run(world, args)
    finally:
        if world is not None:
            world.end(keeps_topics=code == 1 or args.keep)
        if code == 0 and not args.keep:
            shutil.rmtree(work)
        else:
            print(f"logs are in {work}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
