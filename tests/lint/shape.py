"""How much one place may hold: files in a folder, data members in a class, headers for users."""

import collections
import posixpath
import re

from cpp_members import classes

FILES_MAX = 20  # a header and its source count once
MEMBERS_MAX = 25
# Lists by their nature: a member each for the things that they list.
RECORDS = ("ColumnProfile", "EngineOptions", "Metrics::Impl")
FILE_SET = re.compile(r"(?<!\S)(include/\S+\.h)\b")
# Contracts of topics are one idea, however many there are.
UNCOUNTED = re.compile(r"^schemas$")


def check(tree):
    yield from crowds(tree)
    for name in tree.select(".h", ".cc"):
        yield from wide_classes(name, tree.text(name))
    yield from unlisted_headers(tree)


def crowds(tree):
    folders = collections.defaultdict(set)
    for name in tree.select(".h", ".cc"):
        folder, base = posixpath.split(name)
        folders[folder].add(posixpath.splitext(base)[0])
    for folder, stems in sorted(folders.items()):
        if len(stems) > FILES_MAX and not UNCOUNTED.match(folder):
            yield f"{folder}: {len(stems)} files (at most {FILES_MAX}): group them by idea"


def wide_classes(name, text):
    for line, title, members in classes(text):
        if members > MEMBERS_MAX and title not in RECORDS:
            yield f"{name}:{line}: {title} has {members} data members (at most {MEMBERS_MAX})"


def unlisted_headers(tree):
    """Public headers that no CMakeLists.txt names in a file set are not installed."""
    listed = set()
    for name in tree.select("CMakeLists.txt"):
        folder = posixpath.dirname(name)
        listed.update(posixpath.join(folder, path) for path in FILE_SET.findall(tree.text(name)))
    for name in tree.select(".h"):
        if "/include/millrace" in name and name not in listed:
            yield f"{name}: a public header that is in no file set, so it is not installed"
