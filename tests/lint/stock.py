"""The local Kafka is a stock one: Kafka's defaults decide about records, not its properties."""

import re

SCRIPT = "apps/kafka/local_kafka.sh"
PROPERTIES = re.compile(r"server\.properties\" <<(\w+)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
# A variable may hold whole lines before it.
KEY = re.compile(r"^(?:\$\{\w+\})?([a-z][a-z0-9.]*)=", re.MULTILINE)
DECIDES = re.compile(r"log\.(?!dirs$)|message\.|.*retention|.*cleaner")


def check(tree):
    for name in tree.select(SCRIPT):
        text = tree.text(name)
        found = list(PROPERTIES.finditer(text))
        if not found:
            yield f"{name}: no properties of a broker are found here, so nobody checks them"
        for properties in found:
            for key in KEY.finditer(text, properties.start(2), properties.end(2)):
                if DECIDES.match(key[1]):
                    line = text.count("\n", 0, key.start(1)) + 1
                    yield f"{name}:{line}: {key[1]} is no stock setting: set it for a topic"
