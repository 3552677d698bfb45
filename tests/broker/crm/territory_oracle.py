"""Which territories accounts are in, computed from whole definitions and accounts.

Other code in another language than the program under test, and without an index: every rule is
tried on every account. It follows the README of operators/crm/territory.
"""

import re
from dataclasses import dataclass, field


@dataclass
class Definitions:
    """Values of the topics by key, as `millrace topic load` takes them."""

    territories: dict = field(default_factory=dict)
    rules: dict = field(default_factory=dict)
    associations: dict = field(default_factory=dict)
    manual: dict = field(default_factory=dict)
    exclusions: dict = field(default_factory=dict)


def is_number(text):
    digits = sum(c.isdigit() for c in text)
    return digits <= 15 and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None


def compare(a, b):
    """Negative, zero or positive, as of numbers if both are, else as of text without case."""
    if is_number(a) and is_number(b):
        return float(a) - float(b)
    x, y = a.casefold().encode(), b.casefold().encode()
    return (x > y) - (x < y)


ASSERTING = {
    "Equals": lambda have, want: compare(have, want) == 0,
    "LessThan": lambda have, want: compare(have, want) < 0,
    "GreaterThan": lambda have, want: compare(have, want) > 0,
    "LessOrEqual": lambda have, want: compare(have, want) <= 0,
    "GreaterOrEqual": lambda have, want: compare(have, want) >= 0,
    "Contains": lambda have, want: want.casefold() in have.casefold(),
    "StartsWith": lambda have, want: have.casefold().startswith(want.casefold()),
    "Includes": lambda have, want: any(compare(part, want) == 0 for part in have.split(";")),
}
DENYING = {"NotEqual": "Equals", "NotContain": "Contains", "Excludes": "Includes"}


def item_matches(item, fields):
    have = fields.get(item["field"]) or None
    operator = item.get("operator", "Equals")
    wanted = [value.strip() for value in (item.get("values") or "").split(",") if value.strip()]
    if operator in DENYING:
        asserted = {**item, "operator": DENYING[operator]}
        if not wanted:
            return have is not None
        return have is None or not item_matches(asserted, fields)
    if not wanted:
        return have is None
    return have is not None and any(ASSERTING[operator](have, value) for value in wanted)


def rule_matches(rule, fields):
    truths = [item_matches(item, fields) for item in rule["items"]]
    if not rule.get("filter"):
        return all(truths)
    text = re.sub(r"\d+", lambda number: str(truths[int(number[0]) - 1]), rule["filter"])
    return eval(text.replace("AND", "and").replace("OR", "or"), {"__builtins__": {}})


class Territories:
    def __init__(self, definitions):
        self.all = definitions
        self.above = {}
        for name in definitions.territories:
            above, parent = [], definitions.territories[name].get("parent")
            while parent is not None:
                above.append(parent)
                parent = definitions.territories[parent].get("parent")
            self.above[name] = above
        self.rules_of = {name: self._rules_of(name) for name in definitions.territories}

    def _rules_of(self, territory):
        """Those that are not known are among them, and match nobody; inactive ones are not."""
        return sorted({
            association["rule"] for association in self.all.associations.values()
            if self.all.rules.get(association["rule"], {}).get("active", True)
            and (association["territory"] == territory or (
                association.get("inherited") and association["territory"] in self.above[territory]))
        })

    def of(self, members, fields):
        """territory → (rules, manual) of an active account."""
        excluded = {choice["territory"] for choice in self.all.exclusions.values()
                    if choice["account"] in members}
        manual = {choice["territory"] for choice in self.all.manual.values()
                  if choice["account"] in members} - excluded
        truths = {name: rule_matches(rule, fields) for name, rule in self.all.rules.items()}
        matching = {name for name, rules in self.rules_of.items()
                    if name not in excluded and rules
                    and all(truths.get(rule, False) for rule in rules)}
        hidden = {above for name in matching for above in self.above[name]}
        found = {name: (self.rules_of[name], False) for name in matching - hidden}
        for name in manual:
            found[name] = (found[name][0] if name in found else [], True)
        return found


def expected_rows(accounts, definitions):
    """(root, territory) → (rules, manual); `accounts` is an `oracle.Expected`."""
    territories = Territories(definitions)
    rows = {}
    for root, members in accounts.members.items():
        if accounts.status(root) != "Active":
            continue
        for territory, why in territories.of(members, accounts.fields(root)).items():
            rows[root, territory] = why
    return rows
