"""Faults of the disk below an instance's state: full, or not to be written."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kinds.base import Fault, Outcome

if TYPE_CHECKING:
    from instance import Instance
    from world import World

BALLAST = "ballast"
BLOCK = 64 << 10
FULL_S = 6.0
EXIT_TIMEOUT_S = 30
STORE_FAILED = 6
NO_MOUNT = "no_right_to_mount"


def fill(folder: Path) -> int:
    """Until not a byte more fits."""
    written = 0
    with open(folder / BALLAST, "wb", buffering=0) as ballast:
        for size in (BLOCK, 512, 1):
            try:
                while True:
                    written += ballast.write(b"x" * size)
            except OSError:
                continue
    return written


class DiskFull(Fault):
    """No room for a while under a running instance. It may end; it must not lose anything."""

    def skip_reason(self, world: World) -> str:
        return "" if world.mounted else NO_MOUNT

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        fill(instance.state)
        end = time.monotonic() + FULL_S
        exits = len(world.supervisor.codes)
        while time.monotonic() < end:
            time.sleep(0.1)
            if chance.random() < 0.2:  # what was freed meanwhile
                fill(instance.state)
        (instance.state / BALLAST).unlink()
        codes = [code for name, code in world.supervisor.codes[exits:] if name == instance.name]
        return Outcome(instance.name, "codes_" + (",".join(map(str, codes)) or "none"),
                       is_failure=any(code != STORE_FAILED for code in codes))


class ReadOnly(Fault):
    """A start on a directory that cannot be written: it must end by itself, and say so."""

    def skip_reason(self, world: World) -> str:
        return "" if world.mounted or os.geteuid() != 0 else NO_MOUNT

    def strike(self, world: World, chance: random.Random) -> Outcome:
        instance = world.pick(chance)
        with instance.held():
            instance.kill()
            self._set(world, instance, "ro")
            try:
                instance.start()
                code = instance.wait(EXIT_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                code = None
                instance.kill()
            finally:
                self._set(world, instance, "rw")
            instance.start()
        return Outcome(instance.name, f"exit_code_{code}", is_failure=code != STORE_FAILED)

    @staticmethod
    def _set(world: World, instance: Instance, how: str) -> None:
        if instance.state in world.mounted:
            subprocess.run(["mount", "-o", f"remount,{how}", str(instance.state)], check=True,
                           capture_output=True, timeout=30)
        else:
            instance.state.chmod(0o555 if how == "ro" else 0o755)
