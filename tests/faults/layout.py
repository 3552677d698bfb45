"""Which nodes hold which partitions, so that the loss of one is what a fault wants it to be."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from wire import Partition, Placement, Wire, WireError

FIRST_NODE, LAST_NODE = 1, 2
OFFSETS_TOPIC = "__consumer_offsets"
STALL_TIMEOUT_S = 60
"""A busy machine moves partitions slowly, but it moves them."""
LOOK_PAUSE_S = 0.05


class Layout:
    """Of all partitions, Kafka's own too, over two nodes. The first is the controller."""

    def __init__(self, port: int) -> None:
        self.port = port

    def gather(self, elsewhere: set[Partition] = frozenset()) -> None:
        """All on the first node alone; `elsewhere` on the last one alone."""
        with self._wire() as wire:
            wanted = {each: [LAST_NODE if each in elsewhere else FIRST_NODE]
                      for each in wire.placements()}
            wire.reassign(wanted)
            self._wait_for(wire, "gathered", lambda each, at: (
                list(at.replicas) == wanted.get(each, [FIRST_NODE])
                and at.leader == at.replicas[0]))

    def spread(self) -> None:
        """All on both nodes, which lead in turn: each loses nothing with the other."""
        orders = ([FIRST_NODE, LAST_NODE], [LAST_NODE, FIRST_NODE])
        with self._wire() as wire:
            wire.reassign({each: orders[number % 2]
                           for number, each in enumerate(sorted(wire.placements()))})
            self._wait_for(wire, "replicated", lambda _, at: len(at.in_sync) == len(orders))
            wire.elect_preferred()
            self._wait_for(wire, "led in turn", lambda _, at: at.leader == at.replicas[0])

    def changelogs(self, group: str) -> list[Partition]:
        with self._wire() as wire:
            return [(topic, number) for topic, number in sorted(wire.placements())
                    if topic.startswith(f"{group}-") and topic.endswith("-changelog")]

    def coordinator_of(self, group: str) -> Partition:
        """The partition whose leader coordinates the group: Java's hash of the group's name."""
        code = 0
        for byte in group.encode("ascii"):
            code = (31 * code + byte) & 0xFFFFFFFF
        with self._wire() as wire:
            count = sum(1 for topic, _ in wire.placements() if topic == OFFSETS_TOPIC)
        return OFFSETS_TOPIC, (code & 0x7FFFFFFF) % count

    def held_by(self, node: int) -> list[Partition]:
        with self._wire() as wire:
            return [each for each, at in wire.placements().items() if node in at.replicas]

    def _wire(self) -> contextlib.closing[Wire]:
        return contextlib.closing(Wire(self.port))

    @staticmethod
    def _wait_for(wire: Wire, what: str, is_so: Callable[[Partition, Placement], bool]) -> None:
        """Of every partition. Gives up when none has become so for too long."""
        fewest, moved = None, time.monotonic()
        while True:
            with contextlib.suppress(WireError):
                left = [each for each, at in wire.placements().items() if not is_so(each, at)]
                if not left:
                    return
                if fewest is None or len(left) < fewest:
                    fewest, moved = len(left), time.monotonic()
            if time.monotonic() - moved > STALL_TIMEOUT_S:
                raise TimeoutError(f"partitions are not {what}: {fewest} are left")
            time.sleep(LOOK_PAUSE_S)
