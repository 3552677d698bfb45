"""Changelogs cut behind a store, under a job of its own: what is gone cannot be rebuilt."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from instance import Job
from kinds.base import Fault, Outcome
from kinds.state import delete_all
from load import kcat
from wire import Wire, WireError

if TYPE_CHECKING:
    from instance import Instance
    from world import World

DOES_NOT_FIT = 3
EVENTS_A_PART = 100
KEY = "ka"
STORES = ["tallies", "group-tallies"]
TIMEOUT_S = 90


class Truncated(Fault):
    """Records are deleted before an offset. A store that lacks some of them is refused, empty or
    not; one that has them continues."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.strikes = 0

    def strike(self, world: World, chance: random.Random) -> Outcome:
        self.strikes += 1
        prefix = f"truncated{self.strikes}"
        world.create_tally_topics(prefix, 1)
        job = self._job(world, prefix)
        instance = world.extra_instance(job, prefix)
        try:
            with contextlib.closing(Wire(world.args.port)) as wire:
                text = self._play(world, instance, prefix, wire)
        finally:
            instance.kill()
        return Outcome(prefix, text or "refused_refused_right", is_failure=bool(text))

    @staticmethod
    def _job(world: World, prefix: str) -> Job:
        tally = world.jobs["tally"]
        arguments = list(tally.arguments)
        arguments[arguments.index("--dead.letter.topic") + 1] = f"{prefix}.dead-letters"
        return Job(prefix, tally.program, prefix, [(f"{prefix}.events", 0)], [], arguments)

    def _play(self, world: World, instance: Instance, prefix: str, wire: Wire) -> str:
        """The fault found; empty: none."""
        changelogs = [(f"{prefix}-{store}-changelog", 0) for store in STORES]
        if text := self._run(world, instance, prefix, wire, 1):
            return text
        older = self._copy(instance, "older")
        first_ends = wire.ends(changelogs)
        if text := self._run(world, instance, prefix, wire, 2):
            return text
        newer = self._copy(instance, "newer")
        # The end of a commit is its marker; a store stands before that of its last commit.
        self._cut(wire, {place: end + 1 for place, end in first_ends.items()})
        for what, state in (("older", older), ("empty", None)):
            self._put(instance, state)
            if (code := self._start_refused(instance, prefix)) != DOES_NOT_FIT:
                return f"{what}_state_ended_with_{code}"
            if not instance.log_ends_with(b"are lost"):
                return f"{what}_state_without_the_reason"
        self._put(instance, newer)
        return self._run(world, instance, prefix, wire, 3)

    def _run(self, world: World, instance: Instance, prefix: str, wire: Wire, part: int) -> str:
        """Starts it, brings the next events, asks for the count and stops it."""
        numbers = range((part - 1) * EVENTS_A_PART + 1, part * EVENTS_A_PART + 1)
        lines = "".join(f"{KEY}|{number}\n" for number in numbers)
        subprocess.run(kcat(world.broker.address, f"{prefix}.events"), input=lines.encode(),
                       check=True, capture_output=True, timeout=TIMEOUT_S)
        instance.start(TALLY_TOPICS=prefix)
        last = numbers[-1]
        want = f"{last} {last * (last + 1) // 2} {last} 0"
        end = time.monotonic() + TIMEOUT_S
        while (have := self._row(instance)) != want:
            if time.monotonic() > end or not instance.is_running():
                return f"part_{part}_has_{have.replace(' ', '_')}"
            time.sleep(0.2)
        self._wait_committed(instance, wire, last)
        code = instance.stop()
        return "" if code == 0 else f"part_{part}_stopped_with_{code}"

    @staticmethod
    def _wait_committed(instance: Instance, wire: Wire, offset: int) -> None:
        end = time.monotonic() + TIMEOUT_S
        place = instance.job.inputs[0]
        while wire.committed(instance.job.group, [place])[place] < offset:
            if time.monotonic() > end:
                raise WireError(f"{instance.name} does not commit")
            time.sleep(0.1)

    @staticmethod
    def _row(instance: Instance) -> str:
        with contextlib.suppress(OSError):
            status, body = instance.get(f"/v1/stores/tallies?format=hex&key={KEY}")
            if status == 200:
                return bytes.fromhex(body["value_hex"]).decode()
        return ""

    @staticmethod
    def _start_refused(instance: Instance, prefix: str) -> int | None:
        instance.start(TALLY_TOPICS=prefix)
        try:
            return instance.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            instance.kill()
            return None

    @staticmethod
    def _cut(wire: Wire, offsets: dict[tuple[str, int], int]) -> None:
        """As an operator can who allows it for a moment."""
        for topic, _ in offsets:
            wire.set_topic_property(topic, "cleanup.policy", "delete")
        end = time.monotonic() + TIMEOUT_S
        while True:
            try:
                wire.delete_before(offsets)
                break
            except WireError:  # the new policy is on its way
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        for topic, _ in offsets:
            wire.set_topic_property(topic, "cleanup.policy", "compact")

    @staticmethod
    def _copy(instance: Instance, name: str) -> Path:
        copy = instance.state.parent / f"{instance.name}-{name}"
        shutil.copytree(instance.state, copy)
        return copy

    @staticmethod
    def _put(instance: Instance, state: Path | None) -> None:
        delete_all(instance.state, random.Random())
        if state is not None:
            shutil.copytree(state, instance.state, dirs_exist_ok=True)
