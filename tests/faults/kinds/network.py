"""Faults between one instance and the broker."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from kinds.base import Fault, Outcome

if TYPE_CHECKING:
    from world import World

SLOW_S = 6.0
DELAYS_S = [0.05, 0.2, 0.5]
BANDWIDTHS = [20_000, 60_000, 200_000]


class Cut(Fault):
    """Connections reset and refused; for a moment, or past the session time-out."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        seconds = chance.uniform(0.1, 2 * world.session_s())
        instance.proxy.cut()
        time.sleep(seconds)
        instance.proxy.heal()
        return Outcome(instance.name, f"healed_after_{seconds:.1f}s")


class Swallow(Fault):
    """Nothing gets through and nobody notices; waiting data arrive late."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        seconds = chance.uniform(0.5, 3 * world.session_s())
        instance.proxy.swallow()
        time.sleep(seconds)
        instance.proxy.heal()
        return Outcome(instance.name, f"healed_after_{seconds:.1f}s")


class Delay(Fault):
    """Everything from and to the broker arrives late."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        delay_s = chance.choice(DELAYS_S)
        instance.proxy.slow(delay_s=delay_s)
        time.sleep(SLOW_S)
        instance.proxy.heal()
        return Outcome(instance.name, f"delayed_by_{delay_s * 1000:.0f}ms")


class Narrow(Fault):
    """A line of few bytes a second."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        bytes_per_s = chance.choice(BANDWIDTHS)
        instance.proxy.slow(bytes_per_s=bytes_per_s)
        time.sleep(SLOW_S)
        instance.proxy.heal()
        return Outcome(instance.name, f"bytes_per_s_{bytes_per_s}")
