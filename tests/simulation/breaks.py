#!/usr/bin/env -S python3 -B
"""Breaks the engine on purpose, in a copy of the tree, and shows that the simulator finds it.

    tests/simulation/breaks.py                 # all breaks
    tests/simulation/breaks.py NAME...         # these
    tests/simulation/breaks.py --list

Prints a line a break: the faults until the first failure, its seed, and the finding. Exits with 1
when a break was not found within 20,000 faults. Takes minutes a break, mostly to build.
"""

import argparse
import collections
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / ".build" / "breaks"
FAULTS = 20_000
FIRST_SEED = 1

Break = collections.namedtuple("Break", "name invariant file old new")

BREAKS = [
    Break("offsets-left-out", "exactly once: positions are part of the transaction",
          "engine/commit/producer_session.cc",
          "return is_transactional() ? producer_->send_offsets(offsets, group)"
          " : producer_->flush();",
          "static_cast<void>(offsets);\n  static_cast<void>(group);\n  return producer_->flush();"),
    Break("unknown-is-success", "exactly once: an unknown outcome of a commit is asked for",
          "engine/commit/producer_session.cc",
          "MILLRACE_RETURN_IF_ERROR(producer_->commit_transaction());",
          "if (const Status done = producer_->commit_transaction();\n"
          "      !done.ok() && done.code() != ErrorCode::kTimedOut) {\n    return done;\n  }"),
    Break("no-reset", "exactly once: a failed commit drops the rows of all tasks",
          "engine/loop/task_roster.cc",
          "    record.task->reset();\n",
          "    if (stage == Stage::kSuspended) record.task->reset();\n"),
    Break("rows-not-applied", "store equals the fold of its changelog",
          "engine/commit/committer.cc",
          "    MILLRACE_RETURN_IF_ERROR(task.apply_frozen());\n",
          "    if (task.id().partition != 1) MILLRACE_RETURN_IF_ERROR(task.apply_frozen());\n"),
    Break("restore-too-short", "a task runs after its changelog was read to its end",
          "engine/restore/restorer.cc",
          "store.target = marks->high;",
          "store.target = std::max(marks->low, marks->high - 4);"),
    Break("two-owners", "one active owner in a generation",
          "engine/group/coordinator.cc",
          "    if (placement.active == instance_) {\n",
          "    if (placement.active == instance_ || contains(placement.standbys, instance_)) {\n"),
    Break("timers-early", "no timer fires early",
          "engine/task/task_timers.cc",
          "    const int64_t now_ms = clock_ms(queue->kind());\n",
          "    const int64_t now_ms = clock_ms(queue->kind()) + 200;\n"),
    Break("back-to-the-start", "committed positions never go back",
          "engine/loop/start_finder.cc",
          "    int64_t offset = known.offset;\n",
          "    int64_t offset = known.offset > 20 ? known.offset - 1 : known.offset;\n"),
    Break("waits-for-ever", "liveness: whatever failed is tried again",
          "engine/base/backoff.h",
          "    next_ns_ = now_ns + delay_ms * 1'000'000;\n",
          "    next_ns_ = attempts_ > 3 ? INT64_MAX : now_ns + delay_ms * 1'000'000;\n"),
    Break("ends-when-away", "an instance does not end while the broker is away",
          "engine/loop/input_pump.cc",
          "} else if (polled.code() == ErrorCode::kRetriable ||"
          " polled.code() == ErrorCode::kTimedOut) {",
          "} else if (polled.code() == ErrorCode::kTimedOut) {"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of breaks; default: all")
    parser.add_argument("--list", action="store_true", help="the breaks and their invariants")
    arguments = parser.parse_args()
    if arguments.list:
        for entry in BREAKS:
            print(f"{entry.name:<20} {entry.invariant}")
        return 0
    known = {entry.name for entry in BREAKS}
    unknown = set(arguments.names) - known
    if unknown:
        parser.error(f"there is no break {', '.join(sorted(unknown))} (try --list)")
    copy_tree()
    chosen = [entry for entry in BREAKS if not arguments.names or entry.name in arguments.names]
    return 0 if all([shows(entry) for entry in chosen]) else 1


def copy_tree():
    """The files under version control; those that are the same stay, so that builds are short."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, COPY / name
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def shows(entry):
    path = COPY / entry.file
    whole = path.read_text()
    if whole.count(entry.old) != 1:
        print(f"{entry.name}: {entry.file} does not have its text once: adapt the break")
        return False
    path.write_text(whole.replace(entry.old, entry.new))
    try:
        found = build() and first_failure()
    finally:
        path.write_text(whole)
    if not found:
        print(f"{entry.name}: NOT FOUND", flush=True)
        return False
    faults, seed, finding = found
    print(f"{entry.name}: faults={faults} seed={seed} {finding}", flush=True)
    return True


def build():
    log = COPY / "build.log"
    with log.open("w") as out:
        for command in (["cmake", "--preset", "release"],
                        ["cmake", "--build", "--preset", "release", "--target", "simulate"]):
            if subprocess.run(command, cwd=COPY, stdout=out, stderr=out, check=False).returncode:
                print(f"the build failed, see {log}")
                return False
    return True


def first_failure():
    program = COPY / ".build" / "release" / "tests" / "simulation" / "simulate"
    command = [program, "--seed", str(FIRST_SEED), "--faults", str(FAULTS), "--failures", "1"]
    output = subprocess.run(command, cwd=COPY, check=False, capture_output=True, text=True).stdout
    failure = re.search(r"^seed (\d+): (.*)$", output, re.MULTILINE)
    faults = re.search(r"^faults=(\d+) ", output, re.MULTILINE)
    return failure and faults and (faults[1], failure[1], failure[2])


if __name__ == "__main__":
    sys.exit(main())
