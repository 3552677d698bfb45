"""All kinds of faults, by name. A new kind is a class in a file here, and a line below."""

from __future__ import annotations

from kinds.base import Fault
from control import IN_FLUSH, IN_INGEST, READS, SYNCS, WRITES
from kinds.changelog import Truncated
from kinds.disk import DiskFull, ReadOnly
from kinds.machine import ClockStep, Death, IoErrors
from kinds.network import Cut, Delay, Narrow, Swallow
from kinds.nodes import BrokerKill, BrokerRestart, Idle, Leaderless
from kinds.poison import Poison
from kinds.refused import LargeLetter, NoKey, Size, Time
from kinds.process import CommitStep, Freeze, Kill, Storm, Term
from kinds.snapshots import Garbage, HalfWay
from kinds.state import (
    OldCopy,
    StateDamage,
    corrupt_rows,
    corrupt_sst,
    delete_all,
    delete_sst,
    truncate_meta,
)

COMMIT_STEPS = ["begin", "changelog_sent", "offsets_sent", "transaction_committed",
                "task_applied", "done"]


def all_kinds() -> dict[str, Fault]:
    faults: list[Fault] = [
        Kill("kill"),
        Freeze("freeze"),
        Term("term"),
        Storm("storm"),
        *(CommitStep(f"commit-{step}", step) for step in COMMIT_STEPS),
        Death("commit-flush", IN_FLUSH),
        Death("commit-ingest", IN_INGEST),
        BrokerRestart("broker-restart"),
        BrokerKill("broker-kill"),
        Idle("node-idle"),
        Leaderless("node-leaderless"),
        Cut("network-cut"),
        Swallow("network-swallow"),
        Delay("slow-delay"),
        Narrow("slow-narrow"),
        DiskFull("disk-full"),
        ReadOnly("disk-readonly"),
        IoErrors("io-writes", WRITES),
        IoErrors("io-reads", READS),
        IoErrors("io-syncs", SYNCS),
        ClockStep("clock"),
        StateDamage("state-corrupt_sst", corrupt_sst, orderly=True),
        StateDamage("state-corrupt_rows", corrupt_rows, orderly=True),
        StateDamage("state-delete_sst", delete_sst, orderly=True),
        StateDamage("state-truncate_meta", truncate_meta, orderly=False),
        StateDamage("state-delete_all", delete_all, orderly=False),
        OldCopy("state-old_copy"),
        Garbage("snapshot-garbage"),
        HalfWay("snapshot-half_way"),
        Truncated("changelog-truncated"),
        Poison("poison"),
        NoKey("refused-key"),
        Size("refused-size"),
        Time("refused-time"),
        LargeLetter("refused-letter"),
    ]
    return {fault.kind: fault for fault in faults}


def chosen(name: str) -> list[Fault]:
    """The kind of that name, or all whose names begin with it and a dash."""
    kinds = all_kinds()
    if name in kinds:
        return [kinds[name]]
    return [fault for kind, fault in kinds.items() if kind.startswith(f"{name}-")]
