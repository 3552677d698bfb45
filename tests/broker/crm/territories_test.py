#!/usr/bin/env python3
"""Puts the accounts of a registry history into territories on a real Kafka: before and after
merges, after a change of rules, and with crm_materializer killed by SIGKILL while it realigns.
Topic crm.account-territories and queries must be what the oracle says.

    territories_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --data DIR
"""

import copy
import gzip
import sys
import time
from pathlib import Path

from arguments import parser_of
from compare import Report, dump
from oracle import Expected, release_ms
from process import Instance, load, load_registry, with_kafka
from territory_oracle import Definitions, expected_rows

# So small that a realignment takes seconds.
SLICES = ["--crm.territory.slice.accounts", "4", "--crm.territory.slice.interval.ms", "100"]
FIRST_PART_LINES = 600
KILL_AFTER_S = 1.0
REALIGN_TIMEOUT_S = 60


def rule(*items, **more):
    return {"items": [{"field": f, "operator": op, "values": values} for f, op, values in items],
            **more}


def definitions():
    """Territories under `t:world`, with every kind of operator, filter and inheritance."""
    rules = {
        "r:active": rule(("status", "Equals", "active")),
        "r:us": rule(("country", "Equals", "us")),
        "r:europe": rule(("country", "Equals", "DE, FR, GB, IT, CH, NL, ES")),
        "r:elsewhere": rule(("country", "NotEqual", "US,DE,FR,GB,IT,CH,NL,ES")),
        "r:old": rule(("established", "LessThan", "1900")),
        "r:young": rule(("established", "GreaterOrEqual", "1990"),
                        ("established", "LessOrEqual", "2010")),
        "r:ageless": rule(("established", "Equals", None)),
        "r:schools": rule(("types", "Contains", "education"),
                          ("name", "StartsWith", "University,Universit\u00e9"),
                          ("types", "NotContain", "facility"), filter="(1 OR 2) AND 3"),
        "r:capital": rule(("city", "Equals", "Paris,Berlin,London")),
    }
    parents = {"t:world": None, "t:us": "t:world", "t:europe": "t:world", "t:other": "t:world",
               "t:europe-old": "t:europe", "t:europe-schools": "t:europe",
               "t:capital-schools": "t:europe-schools", "t:young": None, "t:ageless": None}
    given = [("r:active", "t:world", True), ("r:us", "t:us", False),
             ("r:europe", "t:europe", True), ("r:elsewhere", "t:other", False),
             ("r:old", "t:europe-old", False), ("r:schools", "t:europe-schools", True),
             ("r:capital", "t:capital-schools", False), ("r:young", "t:young", False),
             ("r:ageless", "t:ageless", False)]
    made = Definitions()
    made.territories = {name: {"id": name, "model": "m:1", "parent": parent}
                        for name, parent in parents.items()}
    made.rules = {name: {"id": name, **value} for name, value in rules.items()}
    made.associations = {
        f"a:{number}": {"id": f"a:{number}", "rule": name, "territory": territory,
                        "inherited": inherited}
        for number, (name, territory, inherited) in enumerate(given)}
    return made


def choose(made, accounts):
    """Manual choices: about a victim, whose root it counts for, and about a root."""
    victims = sorted(name for name in accounts.survivor
                     if accounts.status(accounts.root(name)) == "Active")
    roots = sorted(root for root in accounts.members if accounts.status(root) == "Active")
    for name, choices, account, territory in (("c:1", made.manual, victims[0], "t:young"),
                                              ("c:2", made.manual, roots[0], "t:us"),
                                              ("c:3", made.exclusions, victims[1], "t:world"),
                                              ("c:4", made.exclusions, roots[1], "t:europe")):
        choices[name] = {"id": name, "account": account, "territory": territory}


def changed(made):
    """Other rules for most accounts: one gone, one inactive, one new, two different."""
    after = copy.deepcopy(made)
    del after.rules["r:ageless"]
    after.rules["r:schools"]["active"] = False
    after.rules["r:us"]["items"][0]["values"] = "US,CA,JP"
    after.rules["r:europe"]["items"][0]["values"] = "DE,FR"
    after.rules["r:all"] = {"id": "r:all", **rule(("name", "NotEqual", None))}
    after.associations["a:all"] = {"id": "a:all", "rule": "r:all", "territory": "t:young",
                                   "inherited": False}
    after.associations["a:ageless"] = {"id": "a:ageless", "rule": "r:all",
                                       "territory": "t:ageless", "inherited": False}
    return after


TOPICS = {"territories": "crm.territories", "rules": "crm.territory-rules",
          "associations": "crm.rule-territories", "manual": "crm.manual-territories",
          "exclusions": "crm.territory-exclusions"}


class World:
    def __init__(self, args, bootstrap, work):
        self.bin, self.bootstrap = args.bin, bootstrap
        self.instance = Instance(args.bin, bootstrap, work, "crm-territories", SLICES)
        self.report = Report()

    def load(self, before, after):
        """Loads what is different, removals as tombstones."""
        for part, topic in TOPICS.items():
            old, new = getattr(before, part), getattr(after, part)
            records = [(name, value) for name, value in new.items() if old.get(name) != value]
            records += [(name, None) for name in old if name not in new]
            if records:
                load(self.bin, self.bootstrap, topic, records)

    def rows(self):
        return {tuple(line["key"].split("\0")): line["value"] for line in dump(
            self.bin, self.bootstrap, "crm.account-territories", latest=True)}

    def is_there(self, expected):
        found = {key: (row.get("rules") or [], row["manual"]) for key, row in self.rows().items()}
        return found == expected

    def check(self, what, expected):
        """Realignment is work in the background: the end of the inputs is not its end."""
        self.instance.wait_caught_up()
        end = time.monotonic() + REALIGN_TIMEOUT_S
        while not self.is_there(expected) and time.monotonic() < end:
            time.sleep(0.5)
        found = {key: (row.get("rules") or [], row["manual"]) for key, row in self.rows().items()}
        for key in sorted(expected.keys() | found.keys()):
            if expected.get(key) != found.get(key):
                self.report.add("wrong", f"{what}: {key} is {found.get(key)}, "
                                         f"expected {expected.get(key)}")
        print(f"{what}: rows={len(found)} accounts={len({root for root, _ in found})}", flush=True)

    def check_queries(self, names, accounts, expected):
        for name in names:
            _, body = self.instance.get(f"/v1/accounts/{name}")
            found = {row["territory"]: (row["rules"], row["manual"])
                     for row in body["territories"]}
            want = {territory: why for (root, territory), why in expected.items()
                    if root == accounts.root(name)}
            if found != want:
                self.report.add("wrong", f"query of {name}: {found}, expected {want}")

    def check_epochs(self):
        """The epoch of a key never goes back. A row may be written again as it was, since it may
        come and go between two commits."""
        epoch = {}
        for line in dump(self.bin, self.bootstrap, "crm.account-territories"):
            if line["value"] is None:
                continue
            now = line["value"]["alignment_epoch"]
            if now < epoch.get(line["key"], 0):
                self.report.add("wrong", f"epoch of {line['key']!r} at offset {line['offset']}")
            epoch[line["key"]] = now


def write_first_part(args, work):
    """The first lines, and the facts of the releases before the last of them."""
    with gzip.open(args.changes, "rt", encoding="utf-8") as lines:
        part = [next(lines) for _ in range(FIRST_PART_LINES)]
    (work / "part.jsonl").write_text("".join(part), encoding="utf-8")
    head, *facts = args.merges.read_text(encoding="utf-8").splitlines(keepends=True)
    first = [line for line in facts if release_ms(line.split(",")[1]) < release_ms("v1.16")]
    (work / "part_merges.csv").write_text(head + "".join(first), encoding="utf-8")
    return work / "part.jsonl", work / "part_merges.csv"


def run(args, bootstrap, work):
    part, whole = write_first_part(args, work), (args.changes, args.merges)
    accounts = Expected(*whole)
    before = definitions()
    choose(before, accounts)
    world = World(args, bootstrap, work)
    try:
        load_registry(args.bin, bootstrap, *part)
        world.instance.wait_caught_up()
        load(args.bin, bootstrap, "crm.territory-models",
             [("m:1", {"id": "m:1", "state": "Active", "activated_ms": 1})])
        world.load(Definitions(), before)
        world.check("first load", expected_rows(Expected(*part), before))

        load_registry(args.bin, bootstrap, *whole)
        merged = expected_rows(accounts, before)
        world.check("after merges", merged)

        after = changed(before)
        realigned = expected_rows(accounts, after)
        world.load(before, after)
        time.sleep(KILL_AFTER_S)
        world.instance.kill()
        world.instance.start()
        if world.is_there(realigned) or world.is_there(merged):
            world.report.add("wrong", "the kill was not in the middle of the realignment")
        world.check("after realignment", realigned)
        world.check_queries(sorted(accounts.ids)[:200], accounts, realigned)
        world.check_epochs()
        if (code := world.instance.stop()) != 0:
            world.report.add("wrong", f"an orderly stop exits with {code}")
    finally:
        if world.instance.process.poll() is None:
            world.instance.kill()
    counts = world.report.counts
    print(f"wrong={counts['wrong']}", flush=True)
    return 0 if not counts else 1


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    args.changes = next(args.data.glob("*.jsonl.gz"))
    args.merges = next(args.data.glob("*merges.csv"))
    return with_kafka(args.kafka, "territories", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
