"""Snapshots that others offer, while an instance without state asks for them: peers that die
half-way, and files that are not what they were."""

from __future__ import annotations

import os
import random
import shutil
import time
from typing import TYPE_CHECKING

from kinds.base import Fault, Outcome
from kinds.state import FLIPS, delete_all

if TYPE_CHECKING:
    from pathlib import Path

    from instance import Instance
    from world import World

HALF_WAY_S = (0.2, 3.0)


def snapshot_files(instance: Instance) -> list[Path]:
    return sorted(instance.snapshots.rglob("*.sst"))


class SnapshotFault(Fault):
    """One instance comes back without anything; the others have snapshots, and fail it."""

    def is_ready(self, world: World) -> bool:
        return all(snapshot_files(each) for each in world.instances if each.job.name == "crm")

    def strike(self, world: World, chance: random.Random) -> Outcome:
        crm = [each for each in world.instances if each.job.name == "crm"]
        instance = chance.choice(crm)
        peers = [each for each in crm if each is not instance]
        with instance.held():
            instance.kill()
            delete_all(instance.state, chance)
            shutil.rmtree(instance.snapshots, ignore_errors=True)
            before = self.prepare(peers, chance)
            instance.start()
        return Outcome(instance.name, self.meanwhile(peers, chance) or before)

    def prepare(self, peers: list[Instance], chance: random.Random) -> str:
        """Before it asks them."""
        return ""

    def meanwhile(self, peers: list[Instance], chance: random.Random) -> str:
        """While it asks them."""
        return ""


class Garbage(SnapshotFault):
    """Every file of every snapshot is damaged; those of the databases, which are links, are not."""

    def prepare(self, peers: list[Instance], chance: random.Random) -> str:
        count = 0
        for peer in peers:
            for path in snapshot_files(peer):
                try:
                    data = bytearray(path.read_bytes())
                    for _ in range(FLIPS):
                        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                    copy = path.with_suffix(".new")
                    copy.write_bytes(data)
                    os.replace(copy, path)
                    count += 1
                except OSError:
                    continue  # pruned meanwhile
        return f"damaged_{count}_files"


class HalfWay(SnapshotFault):
    """All peers are killed while it fetches, and come back."""

    def meanwhile(self, peers: list[Instance], chance: random.Random) -> str:
        time.sleep(chance.uniform(*HALF_WAY_S))
        for peer in peers:
            with peer.held():
                peer.kill()
                peer.start()
        return f"killed_{len(peers)}_peers"
