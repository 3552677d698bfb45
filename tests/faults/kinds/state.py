"""Faults of an instance's state directory while it is down: damage, loss, an older copy."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kinds.base import Fault, Outcome

if TYPE_CHECKING:
    from world import World

FLIPS = 40
META = ["CURRENT", "MANIFEST-*"]

Damage = Callable[[Path, random.Random], str]
"""Damages what it finds below a state directory; says what it did, or nothing if it could not."""


def one_of(state: Path, patterns: list[str], chance: random.Random) -> Path | None:
    found = sorted(path for pattern in patterns for path in state.rglob(pattern))
    return chance.choice(found) if found else None


def corrupt_sst(state: Path, chance: random.Random) -> str:
    path = one_of(state, ["*.sst"], chance)
    if path is None:
        return ""
    data = bytearray(path.read_bytes())
    for _ in range(FLIPS):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f"flipped_{path.name}"


def corrupt_rows(state: Path, chance: random.Random) -> str:
    """Only in the first half, where rows are: the file opens, and reads find the damage."""
    path = one_of(state, ["*.sst"], chance)
    if path is None:
        return ""
    data = bytearray(path.read_bytes())
    for _ in range(FLIPS):
        data[chance.randrange(len(data) // 2)] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f"flipped_rows_of_{path.name}"


def delete_sst(state: Path, chance: random.Random) -> str:
    path = one_of(state, ["*.sst"], chance)
    if path is None:
        return ""
    path.unlink()
    return f"deleted_{path.name}"


def truncate_meta(state: Path, chance: random.Random) -> str:
    path = one_of(state, [chance.choice(META)], chance)
    if path is None:
        return ""
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])
    return f"truncated_{path.name}"


def delete_all(state: Path, _: random.Random) -> str:
    for entry in state.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return "deleted"


class StateDamage(Fault):
    """Damage between an end and a start; the changelogs must rebuild what it took."""

    def __init__(self, kind: str, damage: Damage, orderly: bool) -> None:
        super().__init__(kind)
        self.damage, self.orderly = damage, orderly

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        with instance.held():
            if self.orderly:
                instance.stop()  # so that rows are in files
            else:
                instance.kill()
            done = self.damage(instance.state, chance)
            instance.start()
        return Outcome(instance.name, done or "nothing_to_damage", is_failure=not done)


class OldCopy(Fault):
    """The directory as it was at an earlier end, which lacks all commits since."""

    RECORDS_BETWEEN = 600

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        if instance.name not in world.copies:
            with instance.held():
                instance.kill()
                world.keep_copy(instance)
                instance.start()
            world.wait_progress(self.RECORDS_BETWEEN)
        with instance.held():
            instance.kill()
            delete_all(instance.state, chance)
            shutil.copytree(world.copies[instance.name], instance.state, dirs_exist_ok=True)
            time.sleep(chance.choice([0, world.session_s() * 1.5]))
            instance.start()
        return Outcome(instance.name, "older_state")
