"""How far the groups' commits are, watched all the time, and the longest time they stood still."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container

from wire import Partition, Wire, WireError

SAMPLE_PAUSE_S = 0.1
GAP_TOLD_S = 3.0

Place = tuple[str, Partition]
"""A group and one of its input partitions."""


class Progress:
    """Samples committed offsets and ends of the inputs of all groups.

    A partition's gap is the time in which its group's committed offset did not move although the
    partition held records behind it. It also counts while the broker is away.
    """

    def __init__(self, port: int, inputs: dict[str, list[Partition]],
                 say: Callable[[str], None]) -> None:
        self.wire, self.inputs, self.say = Wire(port), inputs, say
        self.lock = threading.Lock()
        self.committed: dict[Place, int] = {}
        self.ends: dict[Place, int] = {}
        self.waiting_since: dict[Place, float] = {}
        self.gap_s, self.gap_text = 0.0, "none"
        self.watch_since, self.watched_gaps = 0.0, {}
        self.regressions: list[str] = []
        self.is_stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.is_stopped.set()
        self.thread.join()
        self.wire.close()

    def watch(self) -> None:
        """Begins to measure gaps anew, for `watched_gap_s`."""
        with self.lock:
            self.watch_since, self.watched_gaps = time.monotonic(), {}

    def watched_gap_s(self, places: Container[Place]) -> tuple[float, Place | None]:
        """The longest gap of any of the places since `watch`, also one that has not ended."""
        with self.lock:
            gaps = [(gap_s, place) for place, gap_s in self.watched_gaps.items() if place in places]
        return max(gaps, default=(0.0, None))

    def places(self) -> list[Place]:
        return [(group, each) for group, partitions in self.inputs.items() for each in partitions]

    def end_offsets(self) -> dict[Place, int]:
        """As last seen."""
        with self.lock:
            return dict(self.ends)

    def end_of(self, topic: str) -> int:
        """Of all partitions of an input together, as last seen."""
        with self.lock:
            return sum(end for (_, partition), end in self.ends.items() if partition[0] == topic)

    def records(self) -> int:
        with self.lock:
            return sum(self.ends.values())

    def committed_records(self) -> int:
        with self.lock:
            return sum(self.committed.values())

    def behind(self, targets: dict[Place, int]) -> dict[Place, int]:
        """Records still to be committed up to `targets`."""
        with self.lock:
            missing = {place: end - self.committed.get(place, 0) for place, end in targets.items()}
        return {place: count for place, count in missing.items() if count > 0}

    def _run(self) -> None:
        while not self.is_stopped.wait(SAMPLE_PAUSE_S):
            try:
                committed, ends = self._sample()
            except WireError:
                committed, ends = {}, {}
            with self.lock:
                self._take(committed, ends, time.monotonic())

    def _sample(self) -> tuple[dict[Place, int], dict[Place, int]]:
        committed, ends = {}, {}
        for group, partitions in self.inputs.items():
            for partition, offset in self.wire.committed(group, partitions).items():
                committed[group, partition] = offset
            for partition, offset in self.wire.ends(partitions).items():
                ends[group, partition] = offset
        return committed, ends

    def _take(self, committed: dict[Place, int], ends: dict[Place, int], now: float) -> None:
        for place, since in self.waiting_since.items():
            gap_s = now - max(since, self.watch_since)
            self.watched_gaps[place] = max(gap_s, self.watched_gaps.get(place, 0.0))
        for (group, partition), since in self.waiting_since.items():
            if now - since > self.gap_s:
                self.gap_s = now - since
                self.gap_text = f"{group} {partition[0]}/{partition[1]}"
        for place, offset in committed.items():
            before = self.committed.get(place, 0)
            if offset < before:
                self.regressions.append(f"{place} from {before} back to {offset}")
            if offset != before or offset >= ends[place]:
                gap_s = now - self.waiting_since.pop(place, now)
                if gap_s > GAP_TOLD_S:
                    self.say(f"gap partition={place[0]}/{place[1][0]}/{place[1][1]} "
                             f"ended_after={gap_s:.1f}s")
            if offset < ends[place]:
                self.waiting_since.setdefault(place, now)
        self.committed.update(committed)
        self.ends.update(ends)
