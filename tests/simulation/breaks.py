#!/usr/bin/env -S python3 -B
"""Breaks the engine on purpose, one break after the other, and shows that the simulator finds each.

    git worktree add --detach ../broken
    tests/simulation/breaks.py --tree ../broken               # all breaks
    tests/simulation/breaks.py --tree ../broken --only NAME   # one break
    tests/simulation/breaks.py --list

Works in a work tree of its own, which has no changes, and leaves it as it was. First comes the
unbroken engine, which must have no failure; `--only` leaves that out. Prints a line a break: the
first seed that fails, the faults up to there, and the finding. Exits with 1 when a break cannot be
made, does not compile, or was not found within 20,000 faults, and when the unbroken engine fails.
Of one break the fewest faults that the simulator prints have to fail once more.
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAULTS = 20_000
FIRST_SEED = 1

# `old` stands exactly once in `file`; files are no headers, so that a build is short.
# `is_shrunk`: whether the fewest faults are tried again.
Break = collections.namedtuple("Break", "name breaks file old new is_shrunk", defaults=(False,))

BREAKS = [
    Break("applied-though-failed",
          "I1: stores take the rows of a commit that failed",
          "engine/commit/committer.cc",
          "  MILLRACE_RETURN_IF_ERROR(std::move(outcome));\n",
          "  if (!outcome.ok()) MILLRACE_RETURN_IF_ERROR(apply_all(tasks));\n"
          "  MILLRACE_RETURN_IF_ERROR(std::move(outcome));\n"),
    Break("offset-left-out",
          "I2: a transaction lacks the position of one input",
          "engine/commit/producer_session.cc",
          "producer_->send_offsets(offsets, group)",
          "producer_->send_offsets(offsets.first(offsets.size() - 1), group)"),
    Break("readable-too-early",
          "I3: readers see rows before their transaction is committed",
          "state/buffer/buffered_task_state.cc",
          "  for (const auto& store : stores_) store->buffer().freeze();\n",
          "  for (const auto& store : stores_) store->buffer().freeze();\n"
          "  static_cast<void>(commit_to(*in_memory_, positions_));\n"),
    Break("outputs-kept",
          "I4: the next commit sends outputs that were held beside an aborted one",
          "engine/task/task.cc",
          "  collector_.clear();\n",
          "",
          is_shrunk=True),
    Break("two-owners",
          "I5: standbys run as owners",
          "engine/group/coordinator.cc",
          "    if (placement.active == instance_) {\n",
          "    if (placement.active == instance_ || contains(placement.standbys, instance_)) {\n"),
    Break("deletions-not-restored",
          "I6: a restore leaves deletions out",
          "engine/restore/restorer.cc",
          "    store.records.push_back(\n",
          "    if (!record.value.is_null()) store.records.push_back(\n"),
    Break("members-not-asked-again",
          "A1: a question for the group's members that gets no answer ends the instance",
          "engine/group/member_question.cc",
          "  if (!members.ok() && !is_passing(members.code())) return members.status();\n",
          "  if (!members.ok()) return Error{ErrorCode::kConfig, members.message()};\n"),
    Break("task-never-asked-again",
          "A2: a task that could not start, for its changelog had no leader, gets no further turn",
          "engine/loop/task_roster_start.cc",
          "constexpr size_t kPatientMax = 2;\n",
          "constexpr size_t kPatientMax = 0;\n"),
    Break("restore-begun-twice",
          "A3: a standby that loses its promotion keeps its restore",
          "engine/loop/task_roster.cc",
          "    restorer_.cancel(id);  // also one that it began as a standby\n",
          ""),
    Break("unknown-task-taken",
          "A4: a plan may name a task that the topology does not have",
          "engine/loop/task_roster.cc",
          "  std::erase_if(known, [&](TaskId id) { return !application_.has_task(id); });\n",
          ""),
    Break("refused-too-late",
          "B: the limits of a topic show in the broker's refusal only",
          "engine/output/collector.cc",
          "  if (why.empty()) [[likely]]\n    return true;\n  refuse(",
          "  if (why.empty() || topic >= 0) [[likely]]\n    return true;\n  refuse("),
    Break("changelog-created-silently",
          "D: a deleted changelog is created again though its inputs were read",
          "engine/topics/changelog_checks.cc",
          "  if (!read->has_value()) return {};\n",
          "  if (read.ok()) return {};\n"),
    Break("deferred-work-lost",
          "deferred work: a call that is taken is never made, if the commit owes another one",
          "engine/task/deferred_work.cc",
          "  uncount(taken.key());\n",
          "  uncount(taken.key());\n"
          "  if (!empty()) return take_first();\n"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", type=pathlib.Path, help="a work tree of this repository to break")
    parser.add_argument("--only", metavar="NAME", help="this break alone")
    parser.add_argument("--list", action="store_true", help="the breaks, without making them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="of a build")
    arguments = parser.parse_args()
    if arguments.list:
        for entry in BREAKS:
            print(f"{entry.name:<28} {entry.breaks}")
        return 0
    chosen = [entry for entry in BREAKS if arguments.only in (None, entry.name)]
    if not chosen:
        parser.error(f"there is no break {arguments.only} (try --list)")
    if arguments.tree is None:
        parser.error("--tree is missing")
    tree = Tree(arguments.tree.resolve(), arguments.jobs)
    if why := tree.refusal():
        parser.error(f"--tree {tree.root}: {why}")
    if arguments.only is None and not is_whole(tree):
        return 1
    return 0 if all([is_found(tree, entry) for entry in chosen]) else 1


class Tree:
    """A work tree that is there to be broken."""

    def __init__(self, root, jobs):
        self.root = root
        self.jobs = jobs

    def refusal(self):
        """Why it cannot be used; None when it can."""
        if self.root == ROOT:
            return "breaks are made in another work tree than the one of this script"
        command = ["git", "status", "--porcelain", "--untracked-files=no"]
        status = subprocess.run(command, cwd=self.root, check=False, capture_output=True, text=True)
        if status.returncode:
            return "no git work tree"
        return "it has changes" if status.stdout else None

    def builds(self):
        log = self.root / ".build" / "breaks.log"
        log.parent.mkdir(exist_ok=True)
        build = ["cmake", "--build", "--preset", "release", "-j", str(self.jobs)]
        with log.open("w") as out:
            for command in (["cmake", "--preset", "release"], [*build, "--target", "simulate"]):
                run = subprocess.run(command, cwd=self.root, stdout=out, stderr=out, check=False)
                if run.returncode:
                    print(f"the build failed, see {log}", file=sys.stderr)
                    return False
        return True

    def simulates(self):
        """The faults that struck, the first seed that failed with its finding, if any did, and the
        options that run the fewest faults of that world again."""
        # One world at a time: several end in any order, and the seed would be another each time.
        output = self.run("--seed", str(FIRST_SEED), "--faults", str(FAULTS), "--failures", "1",
                          "--workers", "1")
        faults = re.search(r"^faults=(\d+) ", output, re.MULTILINE)
        failure = re.search(r"^seed (\d+): (.*)$", output, re.MULTILINE)
        again = re.search(r"^ +again: (--seed \d+ --keep [\d,]+)$", output, re.MULTILINE)
        return faults[1], failure and (failure[1], failure[2]), again and again[1]

    def fails_again(self, options):
        """Whether these options of the program, as a failure printed them, lead to a failure."""
        return re.search(r"^faults=.* failures=1$", self.run(*options.split()), re.MULTILINE)

    def run(self, *options):
        program = self.root / ".build" / "release" / "tests" / "simulation" / "simulate"
        run = subprocess.run([program, *options], cwd=self.root, check=False, capture_output=True,
                             text=True)
        if re.search(r"^faults=\d+ ", run.stdout, re.MULTILINE) is None:
            raise SystemExit(f"{program} did not end as it should: {run.stdout}{run.stderr}")
        return run.stdout


def is_whole(tree):
    if not tree.builds():
        return False
    faults, failure, _ = tree.simulates()
    show("none", faults, failure)
    return failure is None


def is_found(tree, entry):
    path = tree.root / entry.file
    whole = path.read_text()
    if whole.count(entry.old) != 1:
        print(f"{entry.name}: {entry.file} does not have its text once", file=sys.stderr)
        return False
    path.write_text(whole.replace(entry.old, entry.new))
    try:
        if not tree.builds():
            return False
        faults, failure, again = tree.simulates()
        is_reproduced = not entry.is_shrunk or (again is not None and tree.fails_again(again))
    finally:
        path.write_text(whole)
    show(entry.name, faults, failure)
    if failure is not None and not is_reproduced:
        print(f"{entry.name}: the fewest faults do not fail again: {again}", file=sys.stderr)
    return failure is not None and is_reproduced


def show(name, faults, failure):
    if failure is None:
        print(f"break={name} found=no seed= faults={faults}", flush=True)
    else:
        seed, finding = failure
        print(f"break={name} found=yes seed={seed} faults={faults} finding: {finding}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
