#!/usr/bin/env python3
"""Several processes of one application under load, compared with what was sent.

    MILLRACE_TEST_BOOTSTRAP=127.0.0.1:19192 instances_test.py --bin DIR --tally FILE SCENARIO

--bin has millrace; --tally is tally_job. Last line: what was measured. Exit code 0: all as it
must be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE.parents[1] / "faults"), str(HERE.parent / "crm")]

from compare import dump  # noqa: E402
from fleet import PARTITIONS, Fleet  # noqa: E402
from instance import Instance  # noqa: E402

TOPOLOGY_EXIT_CODE = 3
FENCED_EXIT_CODE = 4
SHORT_SESSION = ["--session.timeout.ms", "3000"]
LONG_SESSION = ["--session.timeout.ms", "30000"]
"""A restart is over before the group takes the instance for dead."""
MANY_KEYS = {"rate": 300, "keys": 5000, "burst": 10000}
"""A changelog that is long beside what is written to it meanwhile."""
PARCELS = 200


def expect_exact(fleet: Fleet) -> None:
    counts = fleet.finish().counts
    assert not counts, f"not exactly once: {dict(counts)}"


def stop_all(fleet: Fleet) -> None:
    for instance in list(fleet.live):
        fleet.stop(instance)


def one_three_two_one(fleet: Fleet) -> str:
    fleet.start_load(rate=400, keys=300)
    fleet.add()
    fleet.wait_balanced()
    fleet.add(2)
    fleet.wait_balanced()
    fleet.wait_committed(400)
    fleet.stop(fleet.instances[0])
    fleet.wait_balanced()
    fleet.wait_committed(400)
    fleet.stop(fleet.instances[1])
    fleet.wait_balanced()
    left = fleet.wait_purged()
    expect_exact(fleet)
    stop_all(fleet)
    return f"exchange_records_left={left}"


def seconds_of(line: str) -> float:
    return datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()


def takeover_ms(instance: Instance, since: float) -> float:
    """From the first rebalance since then to the last task that ran after it, by its log."""
    noticed = running = 0.0
    for line in instance.log.read_text(errors="replace").splitlines():
        if not line[:1].isdigit() or seconds_of(line) < since:
            continue
        if "tasks revoked" in line and noticed:
            break
        if "tasks revoked" in line:
            noticed = seconds_of(line)
        elif "task running" in line and noticed:
            running = seconds_of(line)
    return max(0.0, running - noticed) * 1000


def kill_with_a_standby(fleet: Fleet) -> str:
    fleet.start_load(**MANY_KEYS)
    fleet.add(3)
    fleet.wait_committed(MANY_KEYS["burst"])
    fleet.wait_balanced(standbys=1)
    records = fleet.changelog_records()
    before = {each.name: fleet.restored(each) for each in fleet.live}
    killed_at = time.time()
    fleet.kill(fleet.instances[1])
    fleet.wait_balanced(standbys=1)
    reread = sum(fleet.restored(each) - before[each.name] for each in fleet.live)
    took_ms = max(takeover_ms(each, killed_at) for each in fleet.live)
    assert reread <= records // 10, f"{reread} of {records} changelog records were read again"
    expect_exact(fleet)
    stop_all(fleet)
    return (f"changelog_records={records} restored_records={reread} "
            f"notice_to_processing_ms={took_ms:.0f}")


def restart_reads_the_tail(fleet: Fleet) -> str:
    fleet.start_load(**MANY_KEYS)
    fleet.add(2)
    fleet.wait_committed(MANY_KEYS["burst"])
    fleet.wait_balanced()
    other = fleet.instances[1]
    records = fleet.changelog_records()  # before: while it closes, the other one takes over
    fleet.stop(other)
    fleet.wait_balanced()
    fleet.wait_committed(300)
    fleet.start(other)
    fleet.wait_balanced()
    tail = fleet.changelog_records() - records
    restored = fleet.restored(other)
    assert 0 < restored <= tail, f"{restored} records restored, of a tail of {tail}"
    assert restored <= records // 4, f"{restored} records restored, of {records}"
    expect_exact(fleet)
    stop_all(fleet)
    return f"changelog_records={records} tail_records={tail} restored_records={restored}"


def rolling_restart(fleet: Fleet, has_static_ids: bool) -> str:
    fleet.start_load(rate=400, keys=300)
    fleet.add(3, has_static_ids)
    fleet.wait_balanced()
    longest_s = 0.0
    for instance in fleet.instances:
        others = [each for each in fleet.instances if each is not instance]
        before = [fleet.rebalances(each) for each in others]
        start = time.monotonic()
        fleet.stop(instance)
        fleet.start(instance, has_static_ids)
        fleet.wait_balanced()
        longest_s = max(longest_s, time.monotonic() - start)
        fleet.wait_committed(200)
        after = [fleet.rebalances(each) for each in others]
        assert not has_static_ids or after == before, f"rebalances: {before}, then {after}"
    expect_exact(fleet)
    stop_all(fleet)
    return f"longest_restart_ms={longest_s * 1000:.0f}"


def rolling_restart_of_static_ids(fleet: Fleet) -> str:
    return rolling_restart(fleet, has_static_ids=True)


def rolling_restart_of_dynamic_members(fleet: Fleet) -> str:
    return rolling_restart(fleet, has_static_ids=False)


def rolling_upgrade_of_static_ids(fleet: Fleet) -> str:
    """The new version has a sub-topology more, whose input waits already."""
    parcels, delivered = f"{fleet.prefix}.parcels", f"{fleet.prefix}.delivered"
    for topic in (parcels, delivered):
        fleet.create_topic(topic)
    subprocess.run(["kcat", "-P", "-b", fleet.bootstrap, "-t", parcels, "-K", ":"], check=True,
                   input="".join(f"k{number}:v\n" for number in range(PARCELS)).encode(),
                   timeout=60)
    fleet.start_load(rate=400, keys=300)
    fleet.add(3, has_static_id=True)
    fleet.wait_balanced()
    for instance in fleet.instances:
        fleet.stop(instance)
        fleet.start(instance, has_static_id=True, TALLY_PARCELS="1")
        if instance is not fleet.instances[-1]:
            fleet.wait_committed(400)
    fleet.tasks += PARTITIONS
    fleet.wait_balanced()
    expect_exact(fleet)
    keys = [line["key"] for line in dump(fleet.programs, fleet.bootstrap, delivered)]
    assert len(keys) == len(set(keys)) == PARCELS, f"{len(keys)} of {PARCELS} parcels delivered"
    stop_all(fleet)
    return f"delivered={len(keys)}"


def at_least_once_with_a_kill(fleet: Fleet) -> str:
    fleet.start_load(rate=400, keys=300)
    fleet.add(2)
    fleet.wait_balanced()
    fleet.wait_committed(400)
    victim = fleet.instances[1]
    fleet.kill(victim)
    fleet.wait_balanced()
    fleet.start(victim)
    fleet.wait_balanced()
    counts = fleet.finish().counts
    assert counts["lost"] == counts["wrong"] == 0, f"{dict(counts)}"
    stop_all(fleet)
    return f"doubled={counts['doubled']}"


def source_with_more_partitions(fleet: Fleet) -> str:
    fleet.start_load(rate=400, keys=50)
    fleet.add()
    fleet.wait_balanced()
    expect_exact(fleet)
    stop_all(fleet)
    fleet.wire.grow(fleet.events, PARTITIONS + 2)
    instance = fleet.instances[0]
    fleet.start(instance)
    code = fleet.wait_ended(instance)
    assert code == TOPOLOGY_EXIT_CODE, f"exit code {code}"
    assert instance.log_ends_with(b"Give the input its old count, or reset the application"), (
        "the way out is not told")
    return f"exit_code={code}"


def copied_state_directory(fleet: Fleet) -> str:
    """The process that came later ends."""
    fleet.start_load(rate=200, keys=50)
    fleet.add()
    fleet.wait_balanced()
    fleet.wait_committed(200)
    identity = next(fleet.instances[0].state.rglob("instance"))
    twin = fleet.make("twin")
    copy = twin.state / identity.relative_to(fleet.instances[0].state)
    copy.parent.mkdir(parents=True)
    shutil.copy(identity, copy)
    fleet.start(twin)
    code = fleet.wait_ended(twin)
    assert code == FENCED_EXIT_CODE, f"exit code {code}"
    assert twin.log_ends_with(b"its state directory was copied, or is shared"), "it names no reason"
    fleet.wait_balanced()
    fleet.wait_committed(200)
    expect_exact(fleet)
    stop_all(fleet)
    return f"exit_code={code}"


def two_processes_with_one_static_id(fleet: Fleet) -> str:
    """Kafka gives the place to the process that came later, and the other one ends."""
    fleet.start_load(rate=200, keys=50)
    fleet.add(has_static_id=True)
    first = fleet.instances[0]
    fleet.wait_balanced()
    fleet.wait_committed(200)
    fleet.start(fleet.make(first.name, state="twin"), has_static_id=True)
    code = fleet.wait_ended(first)
    assert code == FENCED_EXIT_CODE, f"exit code {code}"
    fleet.wait_balanced()
    fleet.wait_committed(200)
    expect_exact(fleet)
    stop_all(fleet)
    return f"exit_code={code}"


SCENARIOS = {
    one_three_two_one: SHORT_SESSION,
    kill_with_a_standby: [*SHORT_SESSION, "--standby.replicas", "1"],
    restart_reads_the_tail: SHORT_SESSION,
    rolling_restart_of_static_ids: LONG_SESSION,
    rolling_restart_of_dynamic_members: SHORT_SESSION,
    rolling_upgrade_of_static_ids: LONG_SESSION,
    at_least_once_with_a_kill: [*SHORT_SESSION, "--processing.guarantee", "at_least_once"],
    source_with_more_partitions: SHORT_SESSION,
    copied_state_directory: SHORT_SESSION,
    two_processes_with_one_static_id: SHORT_SESSION,
}


def main() -> int:
    scenarios = {scenario.__name__: scenario for scenario in SCENARIOS}
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--tally", type=Path, required=True)
    parser.add_argument("scenario", choices=scenarios)
    args = parser.parse_args()
    bootstrap = os.environ.get("MILLRACE_TEST_BOOTSTRAP")
    if not bootstrap:
        parser.error("MILLRACE_TEST_BOOTSTRAP must name a Kafka for tests")
    scenario = scenarios[args.scenario]
    work = Path(tempfile.mkdtemp(prefix="millrace-instances-"))
    fleet, is_good, start = None, False, time.monotonic()
    try:
        fleet = Fleet(args.bin, args.tally, bootstrap, work, args.scenario.replace("_", "-"),
                      SCENARIOS[scenario])
        told = scenario(fleet)
        is_good = True
        print(f"{args.scenario} {told} seconds={time.monotonic() - start:.1f}", flush=True)
    finally:
        if fleet is not None:
            fleet.end()
        if is_good:
            shutil.rmtree(work)
        else:
            print(f"logs are in {work}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
