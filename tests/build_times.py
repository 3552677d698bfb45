#!/usr/bin/env -S python3 -B
"""Prints what a build cost, from the log that ninja keeps: totals by kind, and the slowest steps.

Durations are those of the machine as it was: compare builds of one quiet machine only.
"""

import argparse
import collections
import pathlib
import sys


def steps(log):
    """The newest duration in seconds of each output in the log."""
    durations = {}
    for line in log.read_text(encoding="utf-8").splitlines()[1:]:
        begin, end, _, output, _ = line.split("\t")
        durations[output] = (int(end) - int(begin)) / 1000
    return durations


def kind_of(output):
    if output.endswith(".o"):
        return "compile"
    return "link" if not pathlib.PurePath(output).suffix else "other"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="a build folder, e.g. .build/release")
    parser.add_argument("--slowest", type=int, default=10, help="how many steps to list")
    args = parser.parse_args()
    durations = steps(args.build / ".ninja_log")
    totals = collections.Counter()
    counts = collections.Counter(kind_of(output) for output in durations)
    for output, seconds in durations.items():
        totals[kind_of(output)] += seconds
    for kind, seconds in totals.most_common():
        print(f"{kind:8} {counts[kind]:5} steps {seconds:8.1f} s")
    for output in sorted(durations, key=durations.get, reverse=True)[: args.slowest]:
        print(f"{durations[output]:8.1f} s  {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
