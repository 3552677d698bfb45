"""Input that does not decode."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from kinds.base import Fault, Outcome
from load import FACTS, send

if TYPE_CHECKING:
    from world import World

RECORDS_MAX = 4
PARTITIONS = 4


class Poison(Fault):
    """Each must come to the dead letters once, and stop nobody."""

    def strike(self, world: World, chance: random.Random) -> Outcome:
        job = world.pick(chance).job
        topic = chance.choice(job.poisoned)
        count = chance.randint(1, RECORDS_MAX)
        for _ in range(count):
            letters = world.poison.setdefault(topic, [])
            text = f"poison {len(letters)} for {topic}"
            partition = 0 if topic == FACTS else chance.randrange(PARTITIONS)
            send(world.broker.address, topic, partition, f"poisoned-{chance.randrange(9)}", text)
            letters.append(text)
        return Outcome(topic, f"sent_{count}")
