"""Faults of a process: killed, frozen, stopped in order, or at a step of a commit."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from kinds.base import Fault, Outcome

if TYPE_CHECKING:
    from world import World

FAIL_POINT_EXIT_CODE = 137
FAIL_POINT_TIMEOUT_S = 150


class Kill(Fault):
    """SIGKILL; back at once, or after the group has given its tasks away."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        with instance.held():
            instance.kill()
            time.sleep(chance.choice([0, chance.uniform(0, world.session_s() * 1.5)]))
            instance.start()
        return Outcome(instance.name, "restarted")


class Freeze(Fault):
    """SIGSTOP for longer than the session time-out: it wakes up as a zombie."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        with instance.held():
            instance.send(signal.SIGSTOP)
            time.sleep(world.session_s() + chance.uniform(1, 4))
            instance.send(signal.SIGCONT)
        return Outcome(instance.name, "woken")


class Term(Fault):
    """SIGTERM, which must end with exit code 0."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        with instance.held():
            code = instance.stop()
            time.sleep(chance.uniform(0, 2))
            instance.start()
        return Outcome(instance.name, f"exit_code_{code}", is_failure=code != 0)


class CommitStep(Fault):
    """Ends the process, as SIGKILL would, at a step of its n-th commit."""

    def __init__(self, kind: str, step: str) -> None:
        super().__init__(kind)
        self.step = step

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        with instance.held():
            instance.stop()
            count = chance.randint(1, 6)
            instance.start(MILLRACE_FAIL_POINT=f"{self.step}:{count}")
            try:
                code = instance.wait(FAIL_POINT_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                instance.kill()
                instance.start()
                return Outcome(instance.name, "never_reached", is_failure=True)
            instance.start()
        return Outcome(instance.name, f"died_at_number_{count}_with_{code}",
                       is_failure=code != FAIL_POINT_EXIT_CODE)


class Storm(Fault):
    """Instances that come and go every second, in order or not, while the others work."""

    ROUNDS = 8

    def strike(self, world: World, chance: random.Random) -> Outcome:
        job = world.pick(chance).job
        for number in range(self.ROUNDS):
            guest = world.extra_instance(job, f"{job.name}-guest-{number % 2 + 1}")
            guest.start()
            time.sleep(1)
            if chance.random() < 0.5:
                guest.kill()
            elif (code := guest.stop()) != 0:
                return Outcome(guest.name, f"guest_exit_code_{code}", is_failure=True)
        return Outcome(job.name, f"guests_{self.ROUNDS}")
