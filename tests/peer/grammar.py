"""Cases: their text, the grammar of their topologies, and random ones by a seed."""

import collections

# How a node's result may be read.
STREAM, TABLE, WINDOWS, FINAL, SPLIT, NOTHING = "stream table windows final split nothing".split()

Node = collections.namedtuple("Node", "operation reads options")
Input = collections.namedtuple("Input", "source key value time_ms")

# `reads`: kinds of the nodes that it reads. `options`: the choices for each option.
Operation = collections.namedtuple("Operation", "reads options result weight", defaults=(4,))

PREDICATES = ("odd", "has_a", "key_even", "is_null")
ROW_PREDICATES = ("odd", "has_a", "key_even")
MAPPERS = ("mark", "first", "drop_a")
SELECTORS = ("mod2", "length", "unless_a")
AGGREGATES = ("count", "reduce", "aggregate")
EMISSIONS = ("update", "final")
GRACES = ("0", "3", "10")
BEFORES = ("0", "3", "5", "-2")
AFTERS = ("2", "3", "5")

OPERATIONS = {
    "stream": Operation((), (), STREAM, 0),
    "table": Operation((), (), TABLE, 0),
    "filter": Operation((STREAM,), (PREDICATES + ("odd_or_null",),), STREAM),
    "filter_not": Operation((STREAM,), (PREDICATES + ("odd_or_null",),), STREAM, 3),
    "map_values": Operation((STREAM,), (MAPPERS + ("show",),), STREAM),
    "flat_map_values": Operation((STREAM,), (("letters", "twice", "unless_a"),), STREAM),
    "map": Operation((STREAM,), (("by_length", "next"),), STREAM),
    "flat_map": Operation((STREAM,), (("fan", "letters"),), STREAM),
    "key_by": Operation((STREAM,), (SELECTORS,), STREAM),
    "merge": Operation((STREAM, STREAM), (), STREAM, 12),
    "split": Operation((STREAM,), (PREDICATES, PREDICATES, ("default", "none")), SPLIT, 3),
    "arm": Operation((SPLIT,), (("first", "second", "rest"),), STREAM, 6),
    "exchange": Operation((STREAM,), (), STREAM, 3),
    "through": Operation((STREAM,), (), STREAM, 4),
    "join": Operation((STREAM, TABLE), (), STREAM, 10),
    "left_join": Operation((STREAM, TABLE), (), STREAM, 10),
    "s_join": Operation((STREAM, STREAM), (BEFORES, AFTERS, GRACES), STREAM, 12),
    "s_left_join": Operation((STREAM, STREAM), (BEFORES, AFTERS, GRACES), STREAM, 12),
    "s_outer_join": Operation((STREAM, STREAM), (BEFORES, AFTERS, GRACES), STREAM, 12),
    "to_table": Operation((STREAM,), (), TABLE),
    "count": Operation((STREAM,), (), TABLE),
    "reduce": Operation((STREAM,), (), TABLE),
    "aggregate": Operation((STREAM,), (), TABLE),
    "erase": Operation((STREAM,), (), TABLE),
    "cogroup": Operation((STREAM, STREAM), (), TABLE, 16),
    "tumbling": Operation((STREAM,), (("5", "10"), GRACES, AGGREGATES, EMISSIONS), WINDOWS),
    "hopping": Operation(
        (STREAM,), (("10",), ("3", "5"), GRACES, AGGREGATES, EMISSIONS), WINDOWS
    ),
    "sliding": Operation((STREAM,), (("5", "10"), GRACES, AGGREGATES, EMISSIONS), WINDOWS),
    "session": Operation((STREAM,), (("3", "5"), GRACES, AGGREGATES, EMISSIONS), WINDOWS),
    "t_filter": Operation((TABLE,), (ROW_PREDICATES,), TABLE),
    "t_filter_not": Operation((TABLE,), (ROW_PREDICATES,), TABLE, 3),
    "t_map_values": Operation((TABLE,), (MAPPERS,), TABLE),
    "materialize": Operation((TABLE,), (), TABLE, 3),
    "t_join": Operation((TABLE, TABLE), (), TABLE, 16),
    "t_left_join": Operation((TABLE, TABLE), (), TABLE, 16),
    "t_outer_join": Operation((TABLE, TABLE), (), TABLE, 16),
    "fk_join": Operation((TABLE, TABLE), (SELECTORS,), TABLE, 24),
    "fk_left_join": Operation((TABLE, TABLE), (SELECTORS,), TABLE, 24),
    "t_count": Operation((TABLE,), (SELECTORS,), TABLE),
    "t_reduce": Operation((TABLE,), (SELECTORS,), TABLE),
    "t_aggregate": Operation((TABLE,), (SELECTORS,), TABLE),
    "to_stream": Operation((TABLE,), (), STREAM),
    "w_filter": Operation((WINDOWS,), (("odd", "has_a"),), WINDOWS, 9),
    "w_map_values": Operation((WINDOWS,), (MAPPERS,), WINDOWS, 9),
    "w_aggregate": Operation((WINDOWS,), (), TABLE, 12),
    "w_to_stream": Operation((WINDOWS,), (), FINAL),
    "w_flatten": Operation((FINAL,), (), STREAM, 9),
    "to": Operation((STREAM,), (), NOTHING, 0),
    "w_to": Operation((FINAL,), (), NOTHING, 0),
}

SOURCES = ("stream", "table")
WINDOWED = ("tumbling", "hopping", "sliding", "session")
REKEYING = ("map", "flat_map", "key_by", "w_flatten")
# Operators that need records at the tasks of their keys.
AT_KEY = (
    "join left_join s_join s_left_join s_outer_join to_table count reduce aggregate erase "
    "cogroup".split() + list(WINDOWED)
)
# Those whose results always come from behind another topic. Final results come in units of their
# own, too, and so do records that joined nothing.
BEHIND_TOPIC = (
    "exchange through t_count t_reduce t_aggregate w_aggregate fk_join fk_left_join "
    "s_left_join s_outer_join".split()
)
FOREIGN = ("fk_join", "fk_left_join")
STREAM_JOINS = ("s_join", "s_left_join", "s_outer_join")
TABLE_JOINS = ("t_join", "t_left_join", "t_outer_join") + FOREIGN


class Invalid(Exception):
    """The nodes are no topology whose results are defined."""


class Case:
    """A topology and its inputs. Lists are never changed in place."""

    def __init__(self, name, nodes, inputs):
        self.name = name
        self.nodes = nodes
        self.inputs = inputs

    def line(self):
        return "|".join(
            (
                str(self.name),
                " ".join(node_text(node) for node in self.nodes),
                " ".join(input_text(record) for record in self.inputs),
            )
        )

    @staticmethod
    def parse(line):
        name, nodes, inputs = line.rstrip("\n").split("|")
        return Case(
            name,
            [parse_node(text) for text in nodes.split(" ")],
            [parse_input(text) for text in inputs.split(" ") if text],
        )

    def upstream(self, number):
        """The nodes that `number` reads, directly or not, and itself."""
        found = {number}
        for i in range(number, -1, -1):
            if i in found:
                found.update(self.nodes[i].reads)
        return found

    def is_out_of_order(self):
        times = [record.time_ms for record in self.inputs]
        return any(later < earlier for earlier, later in zip(times, times[1:]))


def node_text(node):
    return ":".join((node.operation, *map(str, node.reads), *node.options))


def parse_node(text):
    operation, *arguments = text.split(":")
    if operation not in OPERATIONS:
        raise Invalid(f"there is no operation '{operation}'")
    count = len(OPERATIONS[operation].reads)
    return Node(operation, tuple(map(int, arguments[:count])), tuple(arguments[count:]))


def input_text(record):
    key = "-" if record.key is None else record.key
    return f"{record.source}:{key}:{record.value or '-'}:{record.time_ms}"


def parse_input(text):
    source, key, value, time_ms = text.split(":")
    return Input(
        int(source),
        None if key == "-" else int(key),
        None if value == "-" else value,
        int(time_ms),
    )


def kind_of(node):
    if node.operation in WINDOWED:
        return FINAL if node.options[-1] == "final" else WINDOWS
    return OPERATIONS[node.operation].result


class Flow:
    """Where a node's records come from.

    `roots`: the topics from which the tasks that make them read; `is_rekeyed`: an exchange must
    precede operators that need records at the tasks of their keys; `has_merge`: since the roots.
    """

    def __init__(self, kind, roots, is_rekeyed=False, has_merge=False):
        self.kind = kind
        self.roots = roots
        self.is_rekeyed = is_rekeyed
        self.has_merge = has_merge


class Checker:
    """Follows records through the nodes, in their order. `add` raises `Invalid`."""

    def __init__(self):
        self.flows = []
        self.origins = {}  # root -> the sources whose records may come there

    def add(self, node):
        number = len(self.flows)
        operation = OPERATIONS[node.operation]
        if any(i >= number for i in node.reads):
            raise Invalid(f"node {number} reads a later one")
        read = [self.flows[i] for i in node.reads]
        if tuple(flow.kind for flow in read) != operation.reads:
            raise Invalid(f"node {number}: '{node.operation}' reads something else")
        if len(set(node.reads)) < len(node.reads):
            raise Invalid(f"node {number} reads a node twice")
        self.flows.append(self.flow(number, node, read))

    def flow(self, number, node, read):
        kind = kind_of(node)
        if node.operation in SOURCES:
            self.origins[number] = {number}
            return Flow(kind, {number})
        sides = read
        if node.operation in AT_KEY:
            sides = [self.at_key(number, i, flow) for i, flow in enumerate(read)]
        if len(sides) == 2:
            self.check_race(number, node.operation, *sides)
        is_rekeyed = node.operation in REKEYING or any(side.is_rekeyed for side in sides)
        has_merge = node.operation == "merge" or any(side.has_merge for side in sides)
        if node.operation in BEHIND_TOPIC or (node.operation in WINDOWED and kind == FINAL):
            return Flow(kind, {self.topic(number, sides)})
        if node.operation in ("join", "left_join"):
            return Flow(kind, sides[0].roots, has_merge=sides[0].has_merge)
        return Flow(kind, set().union(*(side.roots for side in sides)), is_rekeyed, has_merge)

    def topic(self, root, sides):
        self.origins[root] = set().union(*map(self.sources, sides))
        return root

    def at_key(self, number, i, flow):
        if not flow.is_rekeyed:
            return flow
        return Flow(flow.kind, {self.topic((number, i), [flow])})

    def sources(self, flow):
        return set().union(*(self.origins[root] for root in flow.roots))

    def check_race(self, number, operation, left, right):
        """No input may come to a node on two ways of which one leads over another topic, or of
        which one leads over another merge: neither engine says which record is first. A join of a
        table with one that derives from the same input is on the list of differences."""
        if operation in TABLE_JOINS:
            if self.sources(left) & self.sources(right):
                raise Invalid(f"node {number} joins tables that derive from one input")
            return
        is_shared = bool(self.sources(left) & self.sources(right))
        if is_shared and (left.has_merge or right.has_merge):
            raise Invalid(f"node {number}: one input comes on two ways, one over a merge")
        for one in left.roots:
            for other in right.roots:
                if one != other and self.origins[one] & self.origins[other]:
                    raise Invalid(f"node {number}: one input comes on two ways")


def check(case):
    """Raises `Invalid` when the case has no defined results."""
    checker = Checker()
    for node in case.nodes:
        checker.add(node)
        check_options(case, node)
    for record in case.inputs:
        if case.nodes[record.source].operation not in SOURCES:
            raise Invalid("an input of no source")


def check_all_read(case):
    """Raises `Invalid` when nothing reads a node's results: Millrace refuses such topologies."""
    read = {i for node in case.nodes for i in node.reads}
    for i, node in enumerate(case.nodes):
        if kind_of(node) != NOTHING and i not in read:
            raise Invalid(f"nothing reads node {i}")


def check_options(case, node):
    choices = OPERATIONS[node.operation].options
    fits = len(choices) == len(node.options)
    if not fits or any(option not in of for option, of in zip(node.options, choices)):
        raise Invalid(f"'{node_text(node)}' has other options")
    if node.operation == "arm" and node.options[0] == "rest":
        if case.nodes[node.reads[0]].options[-1] != "default":
            raise Invalid("a branch that the split does not have")


class Draws:
    """Random numbers by SplitMix64: a seed means the same with every version of Python."""

    MASK = (1 << 64) - 1

    def __init__(self, seed):
        self.state = seed & self.MASK

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & self.MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & self.MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & self.MASK
        return (mixed ^ (mixed >> 31)) % bound

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def chance(self, percent):
        return self.below(100) < percent

    def pick(self, among):
        return among[self.below(len(among))]


DRAWN = [name for name, operation in OPERATIONS.items() for _ in range(operation.weight)]
SINKS = {
    STREAM: ("to",),
    TABLE: ("to_stream", "to"),
    WINDOWS: ("w_to_stream", "w_to"),
    FINAL: ("w_to",),
}


class Generator:
    """One random case."""

    def __init__(self, seed):
        self.draws = Draws(seed)
        self.nodes = []
        self.checker = Checker()

    def case(self, name):
        for _ in range(self.draws.pick((1, 2, 2, 3))):
            self.append(Node(self.draws.pick(SOURCES), (), ()))
        for _ in range(self.draws.between(1, 7)):
            self.add_operator()
        self.add_sinks()
        return Case(name, self.nodes, self.inputs())

    def append(self, node):
        self.checker.add(node)
        self.nodes.append(node)

    def add_operator(self):
        """Draws until something fits."""
        for _ in range(30):
            name = self.draws.pick(DRAWN)
            operation = OPERATIONS[name]
            reads = [self.readable(kind) for kind in operation.reads]
            if None in reads:
                continue
            options = tuple(self.draws.pick(choices) for choices in operation.options)
            node = Node(name, tuple(reads), options)
            try:
                check_options(Case(0, self.nodes, []), node)
                self.append(node)
            except Invalid:
                continue
            return

    def readable(self, kind):
        """Mostly one of the last nodes, so that topologies are deep."""
        found = [i for i, flow in enumerate(self.checker.flows) if flow.kind == kind]
        if not found:
            return None
        return found[-1] if self.draws.chance(50) else self.draws.pick(found)

    def add_sinks(self):
        read = {i for node in self.nodes for i in node.reads}
        for i in range(len(self.nodes)):
            kind = self.checker.flows[i].kind
            if kind == SPLIT and i not in read:
                self.append(Node("arm", (i,), ("first",)))
                self.add_sink(len(self.nodes) - 1)
            elif kind in SINKS and (i not in read or self.draws.chance(15)):
                self.add_sink(i)

    def add_sink(self, number):
        for operation in SINKS[self.checker.flows[number].kind]:
            self.append(Node(operation, (number,), ()))
            number = len(self.nodes) - 1

    def inputs(self):
        sources = [i for i, node in enumerate(self.nodes) if node.operation in SOURCES]
        now = self.draws.pick((0, 1000, 1000, 1000))
        inputs = []
        for _ in range(self.draws.between(3, 14)):
            now += self.draws.pick((0, 0, 1, 1, 2, 3, 4, self.draws.between(5, 20)))
            late = self.draws.between(1, 15) if self.draws.chance(20) else 0
            source = self.draws.pick(sources)
            is_table = self.nodes[source].operation == "table"
            key = None if self.draws.chance(4) else self.draws.below(3)
            is_null = self.draws.chance(20 if is_table else 8)
            value = None if is_null else self.word()
            inputs.append(Input(source, key, value, max(0, now - late)))
        return inputs

    def word(self):
        return "".join(self.draws.pick("abc") for _ in range(self.draws.between(1, 3)))


def generate(seed):
    return Generator(seed).case(seed)
