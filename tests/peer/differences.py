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


def old_values_of(operation, *also):
    """An aggregate of windows subtracts old values that the other engine has not, or others; a
    filter makes deletions of them."""

    def explains(case, found):
        return any(
            upstream(case, reader, operation)
            for reader in upstream(case, found.node, "w_aggregate", *also)
        )

    return explains


def last_of_keys(records):
    """The rows that are left."""
    last = {record.key: record.value for record in records}
    return {key: value for key, value in last.items() if value != "-"}


def outdated_answers(case, found):
    """The other engine drops answers that belong to an older row, but a state behind saw ours."""
    joins = upstream(case, found.node, *grammar.FOREIGN)
    if not joins:
        return False
    if all(last_of_keys(mine) == last_of_keys(other) for _, mine, other in found.steps):
        return True
    return any(
        upstream(case, i, *grammar.FOREIGN)
        for i in upstream(case, found.node, *grammar.AT_KEY, "t_count", "t_reduce", "t_aggregate")
    )


def bounds_before_1970(case, found):
    """The other engine takes 0 for a bound below it."""
    has_gap = any(
        case.nodes[i].options[0].startswith("-")
        for i in upstream(case, found.node, *grammar.STREAM_JOINS)
    )
    return has_gap and any(record.time_ms < 5 for record in case.inputs)


def counts(case, number):
    """Whether something above it counts."""
    return any(
        case.nodes[i].operation == "count" or "count" in case.nodes[i].options
        for i in upstream(case, number, "count", *grammar.WINDOWED)
    )


def expired_rows(case, found):
    """A late record belongs to a window that the other engine has a minute longer for its final
    result, or to a session that it forgets a millisecond earlier."""
    return case.is_out_of_order() and any(
        case.nodes[i].operation == "session" or case.nodes[i].options[-1] == "final"
        for i in upstream(case, found.node, "sliding", "session")
    )


def order_of_sessions(case, found):
    """Stores in memory have sessions of one end in the order of keys. A state behind them sees
    that."""
    sessions = [
        i
        for i in upstream(case, found.node, "session")
        if case.nodes[i].options[-1] == "final"
    ]
    if not sessions:
        return False
    if all(sorted(mine) == sorted(other) for _, mine, other in found.steps):
        return True
    return any(
        case.upstream(i) & set(sessions)
        for i in upstream(case, found.node, *grammar.AT_KEY)
        if i not in sessions
    )


def null_keys_at_exchanges(case, found):
    """The other engine keeps records without a key at a declared exchange and before left joins."""
    if all(record.key is not None for record in case.inputs):
        return False
    joins = upstream(case, found.node, "left_join", "s_left_join", "s_outer_join")
    return bool(upstream(case, found.node, "exchange")) or any(
        upstream(case, i, *grammar.REKEYING) for i in joins
    )


def first_counts(case, found):
    """An aggregate of a table subtracts the count of 0 that a key had before its first record."""
    return any(
        counts(case, aggregate)
        for aggregate in upstream(
            case, found.node, "t_count", "t_reduce", "t_aggregate", "w_aggregate"
        )
    )


def final_sessions(case, found):
    """A late record extends a session that was emitted before."""
    if not case.is_out_of_order():
        return False
    return any(
        case.nodes[i].options[-1] == "final" for i in upstream(case, found.node, "session")
    )


def late_joins(case, found):
    """Joins of streams treat records differently whose windows have closed or soon will."""
    return case.is_out_of_order() and bool(
        upstream(case, found.node, *grammar.STREAM_JOINS)
    )


def asymmetric_joins(case, found):
    """The other engine is late where one side's windows close before the other one's."""
    return any(
        case.nodes[i].options[0] != case.nodes[i].options[1]
        for i in upstream(case, found.node, "s_left_join", "s_outer_join")
    )


def order_of_unjoined(case, found):
    """Records that joined nothing come in another order, or behind the results of the record that
    closed their windows. A state behind them sees that order."""
    joins = upstream(case, found.node, "s_left_join", "s_outer_join")
    if not joins:
        return False
    if all(sorted(mine) == sorted(other) for _, mine, other in found.steps):
        return True
    return any(
        upstream(case, i, "s_left_join", "s_outer_join")
        for i in upstream(case, found.node, *grammar.AT_KEY, *grammar.TABLE_JOINS)
        if i not in joins
    )


def null_moves_time(case, found):
    """A record that a join of streams drops for its null moves time in the other engine."""
    has_nulls = any(record.key is None or record.value is None for record in case.inputs) or any(
        node.operation in ("erase", "to_stream") or "drop_a" in node.options
        for node in case.nodes
    )
    return has_nulls and bool(upstream(case, found.node, *grammar.STREAM_JOINS))


# The first cell of the row, and whether it explains what an output has.
KNOWN = (
    ("timestamp of a foreign-key join", foreign_key_times),
    (
        "an update of a session at the very time of its one record",
        old_values_of("session", "w_filter", "w_map_values"),
    ),
    (
        "the first value of a sliding window that shares records with another",
        old_values_of("sliding", "w_filter", "w_map_values"),
    ),
    ("a final session in the store", final_sessions),
    ("foreign-key join: one record changes a left row several times", outdated_answers),
    ("reads of rows that expired", expired_rows),
    ("order of final results", order_of_sessions),
    ("null key before an exchange", null_keys_at_exchanges),
    ("order of those", order_of_unjoined),
    ("bounds that end before 1970", bounds_before_1970),
    ("a record whose window is closed", late_joins),
    ("a record that joined none, before and after differ", asymmetric_joins),
    ("null value", null_moves_time),
    ("old value of a key's first aggregate of a stream", first_counts),
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
