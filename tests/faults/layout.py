"""Which nodes hold which partitions, so that the loss of one is what a fault wants it to be."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from wire import Partition, Placement, Wire, WireError

FIRST_NODE, LAST_NODE = 1, 2
MOVE_TIMEOUT_S = 60
LOOK_PAUSE_S = 0.05

Placements = dict[Partition, Placement]


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
            self._wait_for(wire, "gathered", lambda found: all(
                list(at.replicas) == wanted.get(each, [FIRST_NODE]) and at.leader == at.replicas[0]
                for each, at in found.items()))

    def spread(self) -> None:
        """All on both nodes, which lead in turn: each loses nothing with the other."""
        orders = ([FIRST_NODE, LAST_NODE], [LAST_NODE, FIRST_NODE])
        with self._wire() as wire:
            wire.reassign({each: orders[number % 2]
                           for number, each in enumerate(sorted(wire.placements()))})
            self._wait_for(wire, "replicated", lambda found: all(
                len(at.in_sync) == len(orders) for at in found.values()))
            wire.elect_preferred()
            self._wait_for(wire, "led in turn", lambda found: all(
                at.leader == at.replicas[0] for at in found.values()))

    def wait_until_known(self, topic: str, nodes: int) -> None:
        """By each of so many nodes: one may be behind the others when a topic was created."""
        for node in range(nodes):
            with contextlib.closing(Wire(self.port + node)) as wire:
                self._wait_for(wire, f"of {topic} known",
                               lambda found: any(name == topic for name, _ in found))

    def changelogs(self, group: str) -> list[Partition]:
        with self._wire() as wire:
            return [(topic, number) for topic, number in sorted(wire.placements())
                    if topic.startswith(f"{group}-") and topic.endswith("-changelog")]

    def held_by(self, node: int) -> list[Partition]:
        with self._wire() as wire:
            return [each for each, at in wire.placements().items() if node in at.replicas]

    def _wire(self) -> contextlib.closing[Wire]:
        return contextlib.closing(Wire(self.port))

    @staticmethod
    def _wait_for(wire: Wire, what: str, is_so: Callable[[Placements], bool]) -> None:
        end = time.monotonic() + MOVE_TIMEOUT_S
        while True:
            with contextlib.suppress(WireError):
                if is_so(wire.placements()):
                    return
            if time.monotonic() > end:
                raise TimeoutError(f"partitions are not {what}")
            time.sleep(LOOK_PAUSE_S)
