"""Makes a case small that shows a difference."""

import grammar
from grammar import Case, Invalid


def shrink(case, is_interesting):
    """The smallest case found for which `is_interesting` is still true."""
    while True:
        for smaller in attempts(case):
            if is_valid(smaller) and is_interesting(smaller):
                case = smaller
                break
        else:
            return case


def is_valid(case):
    try:
        grammar.check(case)
        grammar.check_all_read(case)
    except Invalid:
        return False
    return bool(case.inputs)


def attempts(case):
    """Smaller cases, large steps first. Some are no valid ones."""
    yield from fewer_inputs(case)
    yield from fewer_nodes(case)
    yield from simpler_inputs(case)


def fewer_inputs(case):
    size = len(case.inputs) // 2
    while size > 0:
        for begin in range(0, len(case.inputs), size):
            rest = case.inputs[:begin] + case.inputs[begin + size :]
            yield Case(case.name, case.nodes, rest)
        size //= 2


def fewer_nodes(case):
    for number in range(len(case.nodes)):
        yield without(case, number)
    for number, node in enumerate(case.nodes):
        for replacement in node.reads:
            if grammar.kind_of(case.nodes[replacement]) == grammar.kind_of(node):
                yield without(redirected(case, number, replacement), number)


def redirected(case, number, replacement):
    """Who reads `number` reads `replacement` instead."""
    nodes = [
        node._replace(reads=tuple(replacement if i == number else i for i in node.reads))
        for node in case.nodes
    ]
    return Case(case.name, nodes, case.inputs)


def without(case, number):
    """Without the node and all that needs it."""
    kept = []
    for i, node in enumerate(case.nodes):
        if i != number and all(j in kept for j in node.reads):
            kept.append(i)
    places = {old: new for new, old in enumerate(kept)}
    nodes = [
        case.nodes[i]._replace(reads=tuple(places[j] for j in case.nodes[i].reads)) for i in kept
    ]
    inputs = [
        record._replace(source=places[record.source])
        for record in case.inputs
        if record.source in places
    ]
    return Case(case.name, nodes, inputs)


def simpler_inputs(case):
    for i, record in enumerate(case.inputs):
        for simpler in simpler_records(record):
            yield Case(case.name, case.nodes, case.inputs[:i] + [simpler] + case.inputs[i + 1 :])


def simpler_records(record):
    """Each is smaller in an order without cycles, so shrinking ends."""
    if record.value is not None and len(record.value) > 1:
        yield record._replace(value=record.value[:-1])
    if record.key:
        yield record._replace(key=0)
    if record.time_ms > 0:
        yield record._replace(time_ms=0)
        yield record._replace(time_ms=record.time_ms // 2)
        yield record._replace(time_ms=record.time_ms - 1)
