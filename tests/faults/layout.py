"""Which nodes hold which partitions, so that the loss of one is what a fault wants it to be."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from wire import Partition, Placement, Wire, WireError

FIRST_NODE, LAST_NODE = 1, 2
MOVE_TIMEOUT_S = 60
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
            self._wait(wire, "gathered", lambda each, at: list(at.replicas) == wanted[each]
                       and at.leader == wanted[each][0])

    def spread(self) -> None:
        """All on both nodes, which lead in turn: each loses nothing with the other."""
        orders = ([FIRST_NODE, LAST_NODE], [LAST_NODE, FIRST_NODE])
        with self._wire() as wire:
            wire.reassign({each: orders[number % 2]
                           for number, each in enumerate(sorted(wire.placements()))})
            self._wait(wire, "replicated", lambda _, at: len(at.in_sync) == len(orders))
            wire.elect_preferred()
            self._wait(wire, "led in turn", lambda _, at: at.leader == at.replicas[0])

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
    def _wait(wire: Wire, what: str, is_so: Callable[[Partition, Placement], bool]) -> None:
        end = time.monotonic() + MOVE_TIMEOUT_S
        while True:
            with contextlib.suppress(WireError):
                missing = [each for each, at in wire.placements().items() if not is_so(each, at)]
                if not missing:
                    return
            if time.monotonic() > end:
                raise TimeoutError(f"partitions are not {what}")
            time.sleep(LOOK_PAUSE_S)
