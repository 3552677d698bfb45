#!/usr/bin/env python3
"""Feeds crm_materializer from a real database through Debezium: after every step the accounts must
be what SQL says about the source.

    cdc_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --source postgres [--long] [--seed N]
"""

import argparse
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "crm"))

# pylint: disable=wrong-import-position
from compare import Report, dump, same_text, state_of  # noqa: E402
from process import Instance, free_port, with_kafka  # noqa: E402
from services import Worker  # noqa: E402
from sources import SOURCES  # noqa: E402
from steps import STEPS  # noqa: E402

SETTLE_TIMEOUT_S = 60


class World:
    """A source, a Connect worker with its connector, and the job."""

    def __init__(self, args, bootstrap, work):
        self.args, self.bootstrap, self.work = args, bootstrap, work
        self.source = SOURCES[args.source](free_port(), bootstrap)
        self.worker = Worker(free_port(), work / "connect", bootstrap, self.source.name)
        self.report = Report()
        self.more = {}  # settings of the connector beside its usual ones
        self.job = None

    def start(self):
        self.source.do("start")
        self.worker.do("start")
        mapping = self.work / "mapping.json"
        mapping.write_text(json.dumps(self.source.mapping()), encoding="utf-8")
        self.job = Instance(self.args.bin, self.bootstrap, self.work, f"crm-{self.args.source}",
                            ["--crm.mapping", str(mapping)])

    def connect(self):
        self.worker.connect(self.source.connector(**self.more))

    def end(self):
        if self.job and self.job.process.poll() is None:
            self.job.kill()
        self.worker.do("stop")
        self.source.do("wipe")

    def expected(self):
        """Members and fields of every account that is not merged into another, by SQL."""
        rows = {row["id"]: row for row in self.source.customers()}
        accounts = {}
        for row in rows.values():
            if row["merged_into"] in rows:
                continue
            victims = [r["id"] for r in rows.values() if r["merged_into"] == row["id"]]
            members = [row["id"], *victims]
            accounts[f"{self.source.name}:{row['id']}"] = (
                {f"{self.source.name}:{member}" for member in members},
                {name: row[name] for name in ("name", "country", "revenue", "notes")})
        return accounts

    def differences(self, want):
        # An account without a member is one that only its children name.
        found = {line["key"]: state_of(line["value"]) for line in dump(
            self.args.bin, self.bootstrap, "crm.account-state", latest=True)
                 if line["value"] is not None and line["value"].get("members")}
        wrong = [f"{root} is {'missing' if root in want else 'left over'}"
                 for root in sorted(want.keys() ^ found.keys())]
        for root in sorted(want.keys() & found.keys()):
            status, members, fields = found[root]
            names, values = want[root]
            unlike = [name for name in values if not same_text(fields.get(name), values[name])]
            if status != "Active" or names != set(members) or unlike:
                wrong.append(f"{root}: {status} {sorted(members)}, expected {sorted(names)}; " +
                             ", ".join(f"{name} is {str(fields.get(name))[:40]}, expected "
                                       f"{str(values[name])[:40]}" for name in unlike))
        return wrong

    def check(self, what):
        """The source is quiet now: the accounts must become what it holds."""
        begin, want, wrong = time.monotonic(), self.expected(), ["not looked yet"]
        while wrong and time.monotonic() < begin + SETTLE_TIMEOUT_S:
            time.sleep(0.5)
            wrong = self.differences(want)
        for text in wrong:
            self.report.add("wrong", f"{what}: {text}")
        print(f"{what}: accounts={len(want)} wrong={len(wrong)} "
              f"after {time.monotonic() - begin:.1f} s", flush=True)


def run(args, bootstrap, work):
    world = World(args, bootstrap, work)
    try:
        world.start()
        for step in args.steps:
            step(world)
        if (code := world.job.stop()) != 0:
            world.report.add("wrong", f"an orderly stop exits with {code}")
    finally:
        world.end()
    print(f"steps={len(args.steps)} wrong={world.report.counts['wrong']}", flush=True)
    return 1 if world.report.counts else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--kafka", type=Path, required=True)
    parser.add_argument("--source", choices=SOURCES, required=True)
    parser.add_argument("--long", action="store_true", help="more rows, load and kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", nargs="*", metavar="STEP",
                        help="only these beside initial_snapshot, of " +
                        ", ".join(step.__name__ for step in STEPS))
    args = parser.parse_args()
    args.rows, args.load_s, args.kills = (5000, 60, 8) if args.long else (200, 4, 2)
    if args.steps is None:
        args.steps = STEPS
    else:
        named = [step for step in STEPS if step.__name__ in args.steps]
        args.steps = [STEPS[0], *(step for step in named if step is not STEPS[0])]
    return with_kafka(args.kafka, f"cdc-{args.source}",
                      lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
