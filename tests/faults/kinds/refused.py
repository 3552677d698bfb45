"""Input that decodes, and whose output or dead letter the broker would refuse."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from kinds.base import Fault, Outcome
from load import EVENTS, PADDING, PARCELS, send, send_odd

if TYPE_CHECKING:
    from world import World

PARTITIONS = 4
DONE_MAX_S = 30.0
"""From the last of the records until all are committed, dead letters too."""
LOOK_PAUSE_S = 0.1
COUNTED = 'millrace_records_dead_lettered_total{reason="%s"}'

TAKEN_BYTES = (1_000_000, 1_048_460)
"""More than librdkafka sends, and less than a topic takes, if nobody says otherwise."""
REFUSED_BYTES = (1_048_700, 1_900_000)
HOUR_MS = 3_600_000
FAR_TIMES_MS = [2 * HOUR_MS, 10_000 * HOUR_MS]
"""Ahead of now."""
ENDS_OF_TIME_MS = [1, (1 << 63) - 1]


class Refused(Fault):
    """Each goes to the dead letters once, is counted and stops nobody."""

    is_early = True
    topic, partitions = PARCELS, 1
    reason = "refused_output"

    def strike(self, world: World, chance: random.Random) -> Outcome:
        if world.wait_recovered() is None:
            return Outcome(self.topic, "nothing_recovers", is_failure=True)
        before = self._counted(world)
        partition = chance.randrange(self.partitions)
        count = self.send(world, chance, partition)
        end = time.monotonic() + DONE_MAX_S
        if world.wait_recovered(DONE_MAX_S) is None:
            return Outcome(self.topic, "stops_the_job", is_failure=True)
        while (counted := self._counted(world) - before) < count:
            if time.monotonic() > end:
                return Outcome(self.topic, f"counted_{counted}_of_{count}", is_failure=True)
            time.sleep(LOOK_PAUSE_S)
        return Outcome(self.topic, f"refused_{count}")

    def send(self, world: World, chance: random.Random, partition: int) -> int:
        """How many of them are refused."""
        raise NotImplementedError

    def poison(self, world: World, size: int = 0, is_cut: bool = False) -> str:
        """A value that is a dead letter later, with all of its bytes or without."""
        letters = world.poison.setdefault(self.topic, [])
        text = f"{self.kind} {len(letters)}"
        letters.append(text)
        if is_cut:
            world.cut.add(text)
        return text.ljust(size, PADDING)

    def parcel(self, world: World, size: int = 0) -> str:
        """A value that arrives."""
        text = f"{self.kind} taken {len(world.delivered)}"
        world.delivered.append(text)
        return text.ljust(size, PADDING)

    def send_parcel(self, world: World, value: str) -> None:
        send(world.broker.address, PARCELS, 0, "parcel", value)

    def send_odd(self, world: World, record: dict) -> None:
        send_odd(world.args.bin, world.broker.address, PARCELS, record)

    def _counted(self, world: World) -> int:
        return sum(each.metric(COUNTED % self.reason) for each in world.instances
                   if each.job.name == "tally")


class NoKey(Refused):
    """The output topic is compacted."""

    def send(self, world: World, chance: random.Random, partition: int) -> int:
        count = chance.randint(1, 3)
        for _ in range(count):
            self.send_odd(world, {"key": None, "value": self.poison(world)})
            self.send_parcel(world, self.parcel(world))
        return count


class Size(Refused):
    """Larger than the output topic takes, and then larger than the topic of dead letters. One that
    they just take is none of these."""

    def send(self, world: World, chance: random.Random, partition: int) -> int:
        self.send_parcel(world, self.parcel(world, chance.randint(*TAKEN_BYTES)))
        self.send_parcel(world, self.poison(world, chance.randint(*REFUSED_BYTES), is_cut=True))
        self.send_parcel(world, self.parcel(world))
        return 1


class Time(Refused):
    """Timestamps before and after the bounds of the output topic; that of dead letters has no bound
    in the past."""

    def send(self, world: World, chance: random.Random, partition: int) -> int:
        now_ms = int(time.time() * 1000)
        times = [*ENDS_OF_TIME_MS, now_ms + chance.choice(FAR_TIMES_MS)]
        for time_ms in times:
            value = self.poison(world, is_cut=time_ms > now_ms)
            self.send_odd(world, {"key": "parcel", "value": value, "timestamp_ms": time_ms})
        self.send_parcel(world, self.parcel(world))
        return len(times)


class LargeLetter(Refused):
    """Does not decode, and does not fit among the dead letters."""

    topic, partitions = EVENTS, PARTITIONS
    reason = "invalid_record"

    def send(self, world: World, chance: random.Random, partition: int) -> int:
        value = self.poison(world, chance.randint(*REFUSED_BYTES), is_cut=True)
        send(world.broker.address, EVENTS, partition, f"poisoned-{chance.randrange(9)}", value)
        return 1
