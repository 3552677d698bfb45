"""Faults of the machine under an instance: a disk that fails, a clock that steps, an end in the
midst of what changes files."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from control import IN_INGEST
from kinds.base import Fault, Outcome
from kinds.disk import STORE_FAILED
from kinds.process import FAIL_POINT_EXIT_CODE
from kinds.state import delete_all
from wire import Wire

if TYPE_CHECKING:
    from instance import Instance
    from world import World

RUNNING_S = 6.0
STARTING_S = 15.0
CLOCK_S = 4.0
STEPS_HOURS = [-100, -30, -2, 2, 30, 100]
RECORDS_BEFORE_STOP = 600
CHANGES_MAX = 4
ATTEMPTS_MAX = 6
DEATH_TIMEOUT_S = 60
CRM_CHANGELOG = [("crm-faults-account-rows-changelog", number) for number in range(4)]
INGESTED_RECORDS = 5000
"""Of one changelog partition, which make more than the engine's smallest ingest."""


class IoErrors(Fault):
    """EIO for every write, read or sync of its state: while it runs, stops and starts."""

    def __init__(self, kind: str, what: int) -> None:
        super().__init__(kind)
        self.what = what

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        first = len(world.supervisor.codes)
        instance.control.fail(self.what)
        codes: list[int | None] = []
        end = time.monotonic() + RUNNING_S
        while not codes and time.monotonic() < end:
            time.sleep(0.1)
            codes = [code for name, code in world.supervisor.codes[first:] if name == instance.name]
        with instance.held():
            if codes:
                instance.kill()
            else:
                codes.append(instance.stop())
            instance.start()
            codes.append(self._end(instance))
            instance.kill()
            hits = instance.control.heal()
            instance.start()
        bad = [code for code in codes if code not in (None, 0, STORE_FAILED)]
        text = ",".join("runs" if code is None else str(code) for code in codes)
        return Outcome(instance.name, f"failed_calls_{hits}_codes_{text}",
                       is_failure=bool(bad) or hits == 0)

    @staticmethod
    def _end(instance: Instance) -> int | None:
        try:
            return instance.wait(STARTING_S)
        except subprocess.TimeoutExpired:
            return None


class ClockStep(Fault):
    """Its time of day is set, some hours or days off, twice, and stays so or is put right."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        steps = chance.sample(STEPS_HOURS, 2)
        first = len(world.supervisor.codes)
        for hours in steps:
            instance.control.step_clock(hours)
            time.sleep(CLOCK_S)
        if chance.random() < 0.5:
            steps.append(0)
            instance.control.step_clock(0)
        ended = [code for name, code in world.supervisor.codes[first:] if name == instance.name]
        return Outcome(instance.name, "hours_" + "_".join(map(str, steps)), is_failure=bool(ended))


class Death(Fault):
    """Ends the process, as SIGKILL would, at the n-th change of a file in a flush or an ingest."""

    def __init__(self, kind: str, where: int) -> None:
        super().__init__(kind)
        self.where = where

    def is_ready(self, world: World) -> bool:
        if self.where != IN_INGEST:
            return True
        with contextlib.closing(Wire(world.args.port)) as wire:
            return min(wire.ends(CRM_CHANGELOG).values()) >= INGESTED_RECORDS

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = chance.choice([each for each in world.instances if each.job.name == "crm"])
        count = chance.randint(1, CHANGES_MAX)
        with instance.held():
            for _ in range(ATTEMPTS_MAX):  # a rebalance may have left it with few tasks, or none
                if (code := self._run(world, instance, count)) != 0:
                    break
                count = (count + 1) // 2
            instance.control.heal()
            instance.start()
        return Outcome(instance.name, f"died_at_change_{count}_with_{code}",
                       is_failure=code != FAIL_POINT_EXIT_CODE)

    def _run(self, world: World, instance: Instance, count: int) -> int | None:
        """From its orderly end to its death, or to another end."""
        instance.stop()
        if self.where == IN_INGEST:
            delete_all(instance.state, random.Random())
        instance.control.die(self.where, count)
        instance.start(uses_snapshots=self.where != IN_INGEST)  # with one there is no ingest
        if self.where != IN_INGEST:  # the end of an orderly stop flushes
            instance.wait_for_tasks(STARTING_S)
            world.wait_progress(RECORDS_BEFORE_STOP)
            instance.send(signal.SIGTERM)
        try:
            return instance.wait(DEATH_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            instance.kill()
            return None
