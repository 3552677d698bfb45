"""Who may include whom (the arrows of the architecture), told by the #include lines."""

import posixpath
import re

# Layer -> layers it may include. Programs, tests and benchmarks stand above all of them.
ALLOWED = {
    "engine/core": {"engine/core"},
    "state": {"state", "engine/core"},
    "engine": {"engine", "state", "engine/core"},
    "operators": {"operators", "engine/core"},
    "operators/crm": {"operators/crm", "operators", "engine/core", "schemas"},
    "schemas": {"schemas"},
}

# Rooms of a layer, lowest first: a file includes its own room's files and those of lower rooms.
# Public headers belong to no room, nor do the files directly in the layer's folder, unless its
# rooms name them, as ".".
ROOMS = {
    "engine": (
        "base secrets clients config output broadcast changes task metrics commit http client"
        " queries snapshot plan group restore kafka topics loop testing console run"
    ).split(),
    "state": "rows timers indexes derived backend buffer rocksdb".split(),
    "operators": ("stateless", "foreign_keys", "windows", "stream_joins", "suppress", "versioned"),
    "operators/crm": (
        "values model mapping decode merges checks indexes accounts territory entitlement children"
        " signals tables erasure ."
    ).split(),
    "apps": "tools synthetic mapping materializer workload sink cli examples".split(),
}

# Library headers and the only files of the layers, programs included, that may see them.
CONFINED = [
    (
        re.compile(r"^(librdkafka/)?rdkafka"),
        re.compile(r"^(engine|tests/unit|tests/broker)/kafka/"),
        "librdkafka",
    ),
    (
        re.compile(r"^rocksdb/"),
        re.compile(r"^(state/rocksdb|tests/unit/state|tests/support|bench/limits)/"),
        "RocksDB",
    ),
    (
        re.compile(r"^openssl/"),
        re.compile(
            r"^(engine/secrets/(bearer|peer_key|sealing)\.cc|engine/http/tls\.cc"
            r"|tests/unit/http/certificate\.h)$"
        ),
        "OpenSSL",
    ),
    (re.compile(r"^prometheus/"), re.compile(r"^engine/metrics/metrics\.cc$"), "prometheus-cpp"),
    (re.compile(r"^libpq"), re.compile(r"^apps/sink/database\.cc$"), "libpq"),
    (re.compile(r"^(oneapi/)?tbb[/.]"), re.compile(r"^engine/base/scheduler\.cc$"), "oneTBB"),
]


# Libraries that only .cc files include; headers name their types by declarations.
HEAVY = re.compile(r"^(spdlog/(?!fwd\.h)|boost/(asio|beast)/|CLI/|nlohmann/(?!json_fwd\.hpp)|toml)")


def layer_of(name):
    """The layer that a file belongs to, or None when it stands above the layers."""
    for layer in sorted(ALLOWED, key=len, reverse=True):
        if name.startswith(layer + "/"):
            return layer
    return None


def is_public(name):
    return "/include/" in name


def check(tree):
    yield from unlisted_rooms(tree)
    for name in tree.select(".h", ".cc"):
        for line, spelled, target in tree.includes(name):
            for problem in problems(name, spelled, target):
                yield f"{name}:{line}: {problem}"


def unlisted_rooms(tree):
    """Folders of a layer with rooms that are none of them, and so escape their order."""
    folders = set()
    for layer, rooms in ROOMS.items():
        for name in tree.select(".h", ".cc"):
            room, inside, _ = name.removeprefix(layer + "/").partition("/")
            folder = f"{layer}/{room}"
            if name.startswith(layer + "/") and inside and not is_public(name):
                if room not in rooms and folder not in ALLOWED:
                    folders.add(folder)
    for folder in sorted(folders):
        yield f"{folder}: a folder that no list of rooms in tests/lint/layers.py names"


def problems(name, spelled, target):
    yield from confinement(name, spelled)
    if spelled.endswith("_generated.h"):
        yield from generated(name, spelled)
    if target is None:
        return
    layer, other = layer_of(name), layer_of(target)
    if is_public(name) and not is_public(target):
        yield f"a public header includes the private {target}"
    yield from upward(name, target)
    if layer is None:
        return
    if other is None or other not in ALLOWED[layer]:
        yield f"{layer} must not include {other or target}"
    elif other != layer and not is_public(target) and layer.split("/")[0] != other.split("/")[0]:
        yield f"{target} is private to {other}"


def upward(name, target):
    """An include of a room from a lower one of the same layer."""
    for layer, rooms in ROOMS.items():
        room, other = (room_of(path, layer, rooms) for path in (name, target))
        if room is not None and other is not None and rooms.index(other) > rooms.index(room):
            higher = posixpath.normpath(f"{layer}/{other}")
            yield f"{layer}/{room} must not include {higher}, a higher room"


def room_of(name, layer, rooms):
    if not name.startswith(layer + "/") or is_public(name):
        return None
    room, inside, _ = name.removeprefix(layer + "/").partition("/")
    room = room if inside else "."
    return room if room in rooms else None


def confinement(name, spelled):
    for library, home, title in CONFINED:
        if library.match(spelled) and not home.match(name):
            yield f"{title} must not be included here (only in {home.pattern})"
    if name.endswith(".h") and HEAVY.match(spelled):
        yield f"a header must not include {spelled}: it costs seconds in every file behind it"


def generated(name, spelled):
    layer = layer_of(name)
    if layer is not None and "schemas" not in ALLOWED[layer]:
        yield f"{layer} must not include the schema {spelled}"
