"""Expected account state of a registry history, computed from the two input files alone.

Other code in another language than the program under test: everything is recomputed from the whole
set of facts, nothing is incremental. It follows CRM semantics: the fact with the highest
version decides about a victim, the oldest edge of a cycle is inactive, a component has one state at
its root, and the fields are the root's (survivorship `master_wins`).
"""

import csv
import gzip
import json
from collections import defaultdict

EPOCH_MS = 1_546_300_800_000


def release_ms(release):
    numbers = [int(part) for part in release.removeprefix("v").split(".")] + [0, 0]
    return EPOCH_MS + (numbers[0] * 1_000_000 + numbers[1] * 1_000 + numbers[2]) * 60_000


def read_rows(changes_file, source):
    """Latest snapshot of every id: (is it live, its fields as text); and how many there are."""
    newest, index = {}, -1
    opener = gzip.open if str(changes_file).endswith(".gz") else open
    with opener(changes_file, "rt", encoding="utf-8") as lines:
        for index, line in enumerate(lines):
            record = json.loads(line)
            version = (release_ms(record["release"]), index)
            known = newest.get(record["id"])
            if known is None or version > known[0]:
                newest[record["id"]] = (version, record)
    rows = {}
    for local_id, (_, record) in newest.items():
        fields = {}
        for name, value in record.items():
            if name in ("id", "release") or value is None:
                continue
            fields[name] = value if isinstance(value, str) else value_json(value)
        rows[f"{source}:{local_id}"] = (record["status"] != "withdrawn", fields)
    return rows, index + 1


def value_json(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read_facts(merges_file, source):
    """Deciding fact of every victim, and every id that any fact names."""
    deciding, named = {}, set()
    with open(merges_file, newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["kind"] == "SUCCEEDED":
                continue
            victim = f"{source}:{row['victim']}"
            others = [f"{source}:{name}" for name in row["survivors"].split(";") if name]
            named.add(victim)
            named.update(others if row["kind"] != "UNMERGE" else [])
            version = (release_ms(row["release"]), int(row["event_index"]))
            if victim not in deciding or version > deciding[victim][0]:
                deciding[victim] = (version, row["kind"], others)
    return deciding, named


def inactive_edges(edges):
    """The oldest edge of each cycle; `edges`: victim → (version, survivor)."""
    inactive, colour = set(), {}
    for start in edges:
        path, node = [], start
        while node in edges and node not in colour:
            colour[node] = start
            path.append(node)
            node = edges[node][1]
        if node in edges and colour.get(node) == start and node in path:
            cycle = path[path.index(node):]
            inactive.add(min(cycle, key=lambda victim: (edges[victim][0], victim)))
    return inactive


class Expected:
    """`redirects`: id → survivor, root, decision. `members`: root → member → its survivor.

    `source` is that of the ids: the value of `crm_workload --source`.
    """

    def __init__(self, changes_file, merges_file, source="ror"):
        self.rows, self.records = read_rows(changes_file, source)
        deciding, named = read_facts(merges_file, source)
        edges = {
            victim: (version, others[0])
            for victim, (version, kind, others) in deciding.items()
            if kind == "MERGE"
        }
        inactive = inactive_edges(edges)
        self.survivor = {v: s for v, (_, s) in edges.items() if v not in inactive}
        names = {"MERGE": "Merged", "UNMERGE": "Unmerged", "SPLIT": "Split"}
        self.redirects = {}
        for name in named:
            decision = "None"
            if name in deciding:
                decision = "CycleInactive" if name in inactive else names[deciding[name][1]]
            self.redirects[name] = {
                "survivor": self.survivor.get(name),
                "root": self.root(name),
                "decision": decision,
            }
        self.ids = set(self.rows) | named
        self.members = defaultdict(dict)
        for name in self.ids:
            self.members[self.root(name)][name] = self.survivor.get(name)

    def add(self, other):
        """Takes in what is expected of a history with another source, hence of other accounts."""
        for name in ("rows", "survivor", "redirects", "members"):
            getattr(self, name).update(getattr(other, name))
        self.ids |= other.ids
        self.records += other.records

    def root(self, name):
        while name in self.survivor:
            name = self.survivor[name]
        return name

    def status(self, root):
        if root not in self.rows:
            return "Pending"
        return "Active" if self.rows[root][0] else "Deleted"

    def fields(self, root):
        if root in self.rows and self.rows[root][0]:
            return self.rows[root][1]
        return {}
