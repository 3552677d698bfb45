#!/usr/bin/env python3
"""Instances on a Kafka of two nodes, one of which dies.

    nodes_test.py --bin DIR --tally FILE --kafka apps/kafka/local_kafka.sh SCENARIO

--bin has millrace; --tally is tally_job. Exit code 0: all as it must be.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE.parents[1] / "faults"), str(HERE.parent / "crm")]

from broker import Broker, free_ports  # noqa: E402
from fleet import TASKS, Fleet, wait_until  # noqa: E402
from instance import Instance  # noqa: E402
from instances_test import SHORT_SESSION, expect_exact, stop_all  # noqa: E402
from layout import LAST_NODE, Layout  # noqa: E402

EVENTS = 200
OTHERS_PATIENCE_S = 90
"""A commit that cannot end holds all tasks up until its transaction is given up."""


def one_dead_broker(fleet: Fleet, broker: Broker) -> None:
    """It holds nothing of theirs."""
    # All topics, Kafka's own too, are made while there is one node.
    fleet.start_load(rate=200, keys=300)
    fleet.add()
    fleet.wait_balanced()
    fleet.wait_committed(EVENTS)
    fleet.stop(fleet.instances[0])
    broker.start(nodes=2)
    fleet.start(fleet.instances[0])  # its clients hear of both nodes
    fleet.wait_balanced()
    fleet.wait_committed(EVENTS)
    broker.kill(node=2)
    fleet.wait_committed(EVENTS)
    fleet.add()  # the cluster still lists the dead node
    fleet.wait_balanced()
    fleet.wait_committed(EVENTS)
    fleet.stop(fleet.instances[0])  # and now it does not, but clients may remember
    fleet.wait_balanced()
    fleet.wait_committed(EVENTS)
    leaders_move(fleet, broker)
    expect_exact(fleet)
    stop_all(fleet)


def leaders_move(fleet: Fleet, broker: Broker) -> None:
    layout = Layout(broker.port)
    broker.start(nodes=LAST_NODE)
    # To the node that was dead when the instance, which makes the plans, last looked for nodes.
    layout.gather(elsewhere={layout.coordinator_of(fleet.prefix)})
    fleet.wire.close()
    fleet.add()
    fleet.wait_balanced()
    fleet.stop(fleet.instances[-1])
    fleet.wait_balanced()
    fleet.wait_committed(EVENTS)
    layout.spread()
    fleet.wire.close()
    fleet.wait_committed(EVENTS)
    fleet.wait_purged()  # whoever asked the old leaders asks the new ones


def one_leaderless_changelog(fleet: Fleet, broker: Broker) -> None:
    """It holds a partition of a changelog, without which one task cannot start."""
    fleet.start_load(rate=200, keys=300)
    fleet.add()
    instance = fleet.instances[0]
    fleet.wait_balanced()
    fleet.wait_committed(EVENTS)
    fleet.stop(instance)
    broker.start(nodes=LAST_NODE)
    layout = Layout(broker.port)
    layout.gather(elsewhere={layout.changelogs(fleet.prefix)[0]})
    fleet.wire.close()
    broker.stop(LAST_NODE)
    shutil.rmtree(instance.state)
    instance.state.mkdir()
    fleet.start(instance)
    expect_one_waits(fleet, instance)
    broker.start(nodes=LAST_NODE)
    fleet.wait_balanced()
    expect_exact(fleet)
    stop_all(fleet)


def running_tasks_lose_a_leader(fleet: Fleet, broker: Broker) -> None:
    """The node that leads a partition of a changelog, and nothing else, stops while all tasks
    run."""
    fleet.start_load(rate=200, keys=300)
    fleet.add()
    instance = fleet.instances[0]
    fleet.wait_balanced()
    fleet.wait_committed(EVENTS)
    broker.start(nodes=LAST_NODE)
    layout = Layout(broker.port)
    layout.gather(elsewhere={layout.changelogs(fleet.prefix)[0]})
    fleet.wire.close()
    fleet.wait_balanced()
    fleet.wait_committed(EVENTS)
    broker.stop(LAST_NODE)
    expect_one_waits(fleet, instance)
    broker.start(nodes=LAST_NODE)
    fleet.wait_balanced()
    expect_exact(fleet)
    stop_all(fleet)


def expect_one_waits(fleet: Fleet, instance: Instance) -> None:
    """All other tasks run and commit."""

    def stages() -> list[str]:
        return [task["stage"] for task in instance.health().get("tasks", [])]

    wait_until(lambda: stages().count("running") == TASKS - 1, "all tasks but one run",
               OTHERS_PATIENCE_S)
    fleet.wait_committed(EVENTS)
    assert stages().count("running") == TASKS - 1, f"{stages()}, and the partition has no leader"


SCENARIOS = {each.__name__: each for each in (one_dead_broker, one_leaderless_changelog,
                                              running_tasks_lose_a_leader)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--tally", type=Path, required=True)
    parser.add_argument("--kafka", type=Path, required=True)
    parser.add_argument("scenario", choices=SCENARIOS)
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="millrace-nodes-"))
    broker = Broker(args.kafka, work / "kafka", free_ports(0, nodes=2), 0)
    fleet, is_good = None, False
    try:
        broker.start()
        fleet = Fleet(args.bin, args.tally, broker.address, work, "nodes", SHORT_SESSION)
        SCENARIOS[args.scenario](fleet, broker)
        is_good = True
    finally:
        if fleet is not None:
            fleet.end()
        broker.wipe()
        if is_good:
            shutil.rmtree(work)
        else:
            print(f"logs are in {work}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
