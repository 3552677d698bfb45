"""The common part of all kinds of faults."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from world import World


@dataclass(frozen=True)
class Outcome:
    target: str
    text: str
    """One word for what happened, as it is printed."""
    is_failure: bool = False


class Fault(ABC):
    """One kind. `strike` does it, undoes it and leaves everything running; it recovers later."""

    is_early = False
    """Strikes before others, so in the shortest run too."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def skip_reason(self, world: World) -> str:
        """Which privilege is missing; empty: none."""
        return ""

    def is_ready(self, world: World) -> bool:
        """Whether what it needs is there already."""
        return True

    @abstractmethod
    def strike(self, world: World, chance: random.Random) -> Outcome: ...
