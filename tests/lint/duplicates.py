"""Functions that stand in two product files with the same body: one helper can serve both."""

import collections
import re

from cpp_functions import bodies

PRODUCT = ("engine/", "state/", "operators/", "apps/")
# Shorter bodies are alike by chance.
STATEMENTS_MIN = 3


def check(tree):
    places = collections.defaultdict(list)  # body -> [(file, line)], in the order of the files
    for name in tree.select(".cc", ".h"):
        if not name.startswith(PRODUCT):
            continue
        for line, body in bodies(tree.text(name)):
            if statements(body) >= STATEMENTS_MIN:
                places[re.sub(r"\s+", "", body)].append((name, line))
    for found in places.values():
        first, line = found[0]
        for other, at in found[1:]:
            if other != first:
                yield f"{other}:{at}: the same function body as {first}:{line}: share one"


def statements(body):
    """The semicolons outside of parentheses, as in the head of a `for`."""
    depth = count = 0
    for char in body:
        depth += (char == "(") - (char == ")")
        count += char == ";" and depth == 0
    return count
