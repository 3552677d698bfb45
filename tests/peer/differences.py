"""The written differences between the engines: each stands for a row of operators/README.md."""

import collections
import pathlib

import grammar

TABLES = pathlib.Path(__file__).resolve().parents[2] / "operators" / "README.md"

# The outputs of one node that differ: a list of (step, our records, their records).
Found = collections.namedtuple("Found", "node steps")


def found_in(case, ours, theirs):
    """The differences between two answers without a failure, by node."""
    by_node = collections.defaultdict(list)
    for step in range(len(case.inputs)):
        for number, node in enumerate(case.nodes):
            if node.operation not in ("to", "w_to"):
                continue
            mine = [record for record in ours.steps[step] if record.node == number]
            other = [record for record in theirs.steps[step] if record.node == number]
            if mine != other:
                by_node[number].append((step, mine, other))
    return [Found(number, steps) for number, steps in sorted(by_node.items())]


def upstream(case, number, *operations):
    return [i for i in case.upstream(number) if case.nodes[i].operation in operations]


def only_times_differ(found):
    def timeless(records):
        return [record._replace(time_ms=0) for record in records]

    return all(timeless(mine) == timeless(other) for _, mine, other in found.steps)


def foreign_key_times(case, found):
    """The times of joined rows differ; windows behind them see different times."""
    if not upstream(case, found.node, *grammar.FOREIGN):
        return False
    if only_times_differ(found):
        return True
    return any(
        upstream(case, window, *grammar.FOREIGN)
        for window in upstream(case, found.node, *grammar.WINDOWED)
    )


def old_values_of(operation):
    """An aggregate of windows subtracts old values that the other engine has not, or others."""

    def explains(case, found):
        return any(
            upstream(case, aggregate, operation)
            for aggregate in upstream(case, found.node, "w_aggregate")
        )

    return explains


def final_sessions(case, found):
    """A late record extends a session that was emitted before."""
    if not case.is_out_of_order():
        return False
    return any(
        case.nodes[i].options[-1] == "final" for i in upstream(case, found.node, "session")
    )


# The first cell of the row, and whether it explains what an output has.
KNOWN = (
    ("timestamp of a foreign-key join", foreign_key_times),
    (
        "an update of a session at the very time of its one record",
        old_values_of("session"),
    ),
    (
        "the first value of a sliding window that shares records with another",
        old_values_of("sliding"),
    ),
    ("a final session in the store", final_sessions),
)


def explain(case, found):
    """The row that explains this output's differences, or None."""
    for row, explains in KNOWN:
        if explains(case, found):
            return row
    return None


def missing_rows():
    """Rows of `KNOWN` that the tables do not have (any more)."""
    text = TABLES.read_text(encoding="utf-8")
    return [row for row, _ in KNOWN if f"\n| {row} |" not in text]
