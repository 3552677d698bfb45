#!/usr/bin/env -S python3 -B
"""Compares Millrace with Kafka Streams step by step; run.sh calls it with both programs."""

import argparse
import collections
import itertools
import pathlib
import shlex
import sys
import time

import differences
import grammar
from engines import Both
from shrink import shrink

# With so many cases every operator has to have been in one that has outputs behind it.
ALL_OPERATORS_FROM = 1000
PROGRESS_S = 30


class Comparison:
    """Counts what the cases had, and judges each."""

    def __init__(self, both):
        self.both = both
        self.cases = 0
        self.records = 0
        self.explained = collections.Counter()
        self.seen = set()

    def judge(self, case):
        """None, or what is wrong that no row explains."""
        ours, theirs = self.both.run(case)
        problem, rows = verdict(case, ours, theirs)
        self.cases += 1
        self.records += sum(map(len, theirs.steps))
        self.explained.update(rows)
        for number in {record.node for step in ours.steps for record in step}:
            self.seen.update(case.nodes[i].operation for i in case.upstream(number))
        return problem

    def is_wrong(self, case):
        return verdict(case, *self.both.run(case))[0] is not None

    def unseen(self):
        return sorted(set(grammar.OPERATIONS) - self.seen)


def verdict(case, ours, theirs):
    """The outputs that no row explains, or None, and the rows that explain others."""
    failures = [
        f"{name} failed: {answer.failure}"
        for name, answer in (("Millrace", ours), ("Kafka Streams", theirs))
        if answer.failure is not None
    ]
    if failures:
        return "; ".join(failures), set()
    rows = set()
    unexplained = []
    for found in differences.found_in(case, ours, theirs):
        row = differences.explain(case, found)
        if row is None:
            unexplained.append(str(found.node))
        else:
            rows.add(row)
    problem = f"outputs differ: {', '.join(unexplained)}" if unexplained else None
    return problem, rows


def show(case, both, out):
    """Prints nodes, and both engines' records after each input."""
    ours, theirs = both.run(case)
    for number, node in enumerate(case.nodes):
        print(f"  {number:2} {grammar.node_text(node)}", file=out)
    for step, record in enumerate(case.inputs):
        print(f"  step {step}: {grammar.input_text(record)}", file=out)
        for name, answer in (("Millrace", ours), ("Kafka Streams", theirs)):
            records = answer.steps[step] if step < len(answer.steps) else []
            text = "  ".join(f"{r.node}| {r.key} {r.value} @{r.time_ms}" for r in records)
            print(f"    {name:13} {text}", file=out)


def report(case, problem, comparison):
    print(f"case {case.name}: {problem}")
    smallest = shrink(case, comparison.is_wrong)
    print(f"  smallest: {verdict(smallest, *comparison.both.run(smallest))[0]}")
    show(smallest, comparison.both, sys.stdout)
    print("  tests/peer/run.sh --line " + shlex.quote(smallest.line()), flush=True)


def cases_of(args):
    if args.line:
        return [grammar.Case.parse(line) for line in args.line]
    seeds = itertools.count(args.seed)
    return (grammar.generate(seed) for seed in itertools.islice(seeds, args.cases))


def compare(args, comparison):
    """The number of cases with a difference that no row explains."""
    wrong = 0
    shown = time.monotonic()
    for case in cases_of(args):
        problem = comparison.judge(case)
        if problem is not None:
            wrong += 1
            report(case, problem, comparison)
            if wrong == args.findings:
                print(f"stopped after {wrong} findings")
                break
        elif args.line:
            show(case, comparison.both, sys.stdout)
        if time.monotonic() - shown > PROGRESS_S:
            shown = time.monotonic()
            print(f"... {comparison.cases} cases, the last one is {case.name}", flush=True)
    return wrong


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="Millrace's program")
    parser.add_argument("--theirs", required=True, help="the command line of Kafka Streams'")
    parser.add_argument("--seed", type=int, default=1, help="of the first case (default: 1)")
    parser.add_argument("--cases", type=int, default=2000, help="how many (default: 2000)")
    parser.add_argument("--findings", type=int, default=5, help="stop after so many (default: 5)")
    parser.add_argument("--line", action="append", help="run this case instead; may be repeated")
    return parser.parse_args()


def main():
    args = arguments()
    missing = differences.missing_rows()
    if missing:
        print(f"compare.py: operators/README.md has no row {missing}", file=sys.stderr)
        return 2
    both = Both([str(pathlib.Path(args.ours).resolve())], shlex.split(args.theirs))
    comparison = Comparison(both)
    try:
        wrong = compare(args, comparison)
    finally:
        both.stop()
    for row, count in sorted(comparison.explained.items()):
        print(f"explained {count}: {row}")
    unseen = comparison.unseen()
    is_thin = not args.line and comparison.cases >= ALL_OPERATORS_FROM and bool(unseen)
    if is_thin:
        print(f"operators without any output: {', '.join(unseen)}")
    explained = sum(comparison.explained.values())
    print(
        f"cases={comparison.cases} records={comparison.records} explained={explained}"
        f" unexplained={wrong}"
    )
    return 1 if wrong or is_thin else 0


if __name__ == "__main__":
    sys.exit(main())
