"""Faults of the Kafka's nodes. Each arranges before which partitions are on which."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING

from kinds.base import Fault, Outcome
from layout import LAST_NODE

if TYPE_CHECKING:
    from instance import Instance, Job
    from world import World

ONE_NODE = "only_one_node"
AWAY_MAX_S = 3.0

STOP_MAX_S = 7.0
"""For which a partition may stand still longer while a node is away that holds nothing of ours than
while it is there: a question about the group's members may wait 2 s for a dead node, and two plans
are made meanwhile."""
SLOWER_MAX = 2.0
"""By how much a busy machine may be slower then than a moment before."""
WATCH_S = 10.0
"""After an instance began to stop. For longer than Kafka lists a dead node
(`broker.session.timeout.ms`, 9 s)."""
BEFORE_RESTART_S = (1.0, 3.0)

STARTS_CHANCE = 0.5
OTHERS_MAX_S = 90.0
"""Until each task runs that can, and has caught up: on a busy machine too. Whoever waits for the
partition waits for longer."""
LEADERLESS_S = 3.0
LOOK_PAUSE_S = 0.2


class BrokerRestart(Fault):
    """An orderly stop of a node or of all, and a start."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        node = some_node(world, chance)
        world.broker.stop(node)
        time.sleep(chance.uniform(0, AWAY_MAX_S))
        world.broker.start()
        return Outcome(name_of(node), "restarted")


class BrokerKill(Fault):
    """SIGKILL of a node or of all, and a start over what it left."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        node = some_node(world, chance)
        world.broker.kill(node)
        time.sleep(chance.uniform(0, AWAY_MAX_S))
        world.broker.start()
        return Outcome(name_of(node), "restarted")


def some_node(world: World, chance: random.Random) -> int | None:
    return None if world.args.nodes == 1 else chance.choice([None, 1, 2])


def name_of(node: int | None) -> str:
    return "all_nodes" if node is None else f"node_{node}"


class NodeFault(Fault):
    """Of the last node, with a layout of its own."""

    is_early = True

    def skip_reason(self, world: World) -> str:
        return ONE_NODE if world.args.nodes == 1 else ""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        if world.wait_recovered() is None:
            return Outcome(name_of(LAST_NODE), "nothing_recovers", is_failure=True)
        try:
            return self.play(world, chance)
        finally:
            world.broker.start()
            world.layout.spread()

    def play(self, world: World, chance: random.Random) -> Outcome:
        raise NotImplementedError


class Idle(NodeFault):
    """A node that holds nothing is killed: nobody stops for longer than without that, not even when
    a restart of an instance demands a new plan meanwhile."""

    def play(self, world: World, chance: random.Random) -> Outcome:
        world.layout.gather()
        usual_s, usual_code = self._restart_one(world, chance, WATCH_S)
        allowed_s = STOP_MAX_S + SLOWER_MAX * usual_s
        world.broker.kill(LAST_NODE)
        time.sleep(chance.uniform(*BEFORE_RESTART_S))
        # Whoever waits for the node waits for longer than is allowed.
        stop_s, code = self._restart_one(world, chance, WATCH_S + allowed_s)
        text = f"longest_stop_{stop_s * 1000:.0f}ms_usual_{usual_s * 1000:.0f}ms"
        return Outcome(name_of(LAST_NODE), text,
                       is_failure=stop_s > allowed_s or code != 0 or usual_code != 0)

    @staticmethod
    def _restart_one(world: World, chance: random.Random, watch_s: float) -> tuple[float, int]:
        """The longest stop of any partition, and the exit code."""
        instance = world.pick(chance)
        world.progress.watch()
        end = time.monotonic() + watch_s
        with instance.held():
            code = instance.stop()
            instance.start()
        time.sleep(max(0.0, end - time.monotonic()))
        gap_s, _ = world.progress.watched_gap_s(world.progress.places())
        return gap_s, code


class Leaderless(NodeFault):
    """The node that alone holds one partition of a changelog is away, while tasks run or while all
    instances of the job start: the partition's task waits, and no other one does."""

    def play(self, world: World, chance: random.Random) -> Outcome:
        job = world.pick(chance).job
        instances = world.instances_of(job)
        tasks = running(instances)
        lost = chance.choice(world.layout.changelogs(job.group))
        world.layout.gather(elsewhere={lost})
        lose = chance.choice([world.broker.stop, world.broker.kill])
        codes, when = [], "running"
        if chance.random() < STARTS_CHANCE:
            when = "starting"
            with contextlib.ExitStack() as stack:
                for instance in instances:
                    stack.enter_context(instance.held())
                codes = [each.stop() for each in instances]
                lose(LAST_NODE)
                for instance in instances:
                    instance.start()
        else:
            lose(LAST_NODE)
        start = time.monotonic()
        text = f"stopped_with_{max(codes)}" if any(codes) else ""
        text = text or self._wait_for_others(world, job, tasks, lost[1])
        others_s = time.monotonic() - start
        text = text or self._watch(instances, tasks)
        text = text or self._wait_for_others(world, job, tasks, lost[1])
        is_failure = bool(text)
        text = text or f"others_ran_after_{others_s * 1000:.0f}ms"
        return Outcome(f"{lost[0]}/{lost[1]}", f"{when}_{text}", is_failure)

    @staticmethod
    def _wait_for_others(world: World, job: Job, tasks: set[str], lost: int) -> str:
        """Until one task of the lost partition's number waits, all others run, and all is committed
        that is in the inputs of other numbers now. Else what fails."""
        targets = {place: offset for place, offset in world.progress.end_offsets().items()
                   if place[0] == job.group and place[1][1] != lost}
        end = time.monotonic() + OTHERS_MAX_S
        while True:
            waiting = tasks - running(world.instances_of(job))
            behind = world.progress.behind(targets)
            if len(waiting) == 1 and waiting.pop().endswith(f"_{lost}") and not behind:
                return ""
            if time.monotonic() > end:
                return f"waiting:{waiting or 'none'},behind:{behind}".replace(" ", "")
            time.sleep(LOOK_PAUSE_S)

    @staticmethod
    def _watch(instances: list[Instance], tasks: set[str]) -> str:
        """For a while they do not all run."""
        end = time.monotonic() + LEADERLESS_S
        while time.monotonic() < end:
            if tasks <= running(instances):
                return "nothing_waits"
            time.sleep(LOOK_PAUSE_S)
        return ""


def running(instances: list[Instance]) -> set[str]:
    """Names of tasks."""
    return {task["task"] for each in instances for task in each.health().get("tasks", [])
            if task["stage"] == "running"}
