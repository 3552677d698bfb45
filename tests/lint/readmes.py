"""Every folder says what it is for, and the paths that its README names exist."""

import pathlib
import posixpath
import re

# Folders told about by the README above: public headers, Maven's source tree, data, test suites.
COVERED = re.compile(r"(^|/)(include|src|data|golden)(/|$)|^tests/\w+/")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s#]+)[^)\s]*\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
PATH = re.compile(r"^(?:\./)?[\w.\-]+(?:/[\w.\-]+)*/?$")
SOURCE = (".cc", ".h", ".sh", ".py", ".md", ".fbs", ".cmake")
# Not in the tree: made by a build or a run, or somebody else's.
ELSEWHERE = re.compile(
    r"""^(\.build|\.local)(/|$)
      | _generated\.h$
      | ^(rocksdb|spdlog|fmt|flatbuffers|tbb|oneapi|librdkafka|boost)/
      | ^rdkafka""",
    re.VERBOSE,
)


def check(tree):
    folders = {str(parent) for name in tree.files for parent in pathlib.PurePath(name).parents}
    for folder in sorted(folders):
        hidden = any(part.startswith(".") for part in pathlib.PurePath(folder).parts)
        if hidden or COVERED.search(folder):
            continue
        if posixpath.normpath(f"{folder}/README.md") not in tree.files:
            yield f"{folder}: no README.md"
    for name in tree.select(".md"):
        yield from dead_paths(tree, name, folders)


def dead_paths(tree, name, folders):
    text = FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), tree.text(name))
    known = folders | set(tree.files)
    here = posixpath.dirname(name)
    spans = [(match, looks_like_path(match[1], here, known)) for match in CODE_SPAN.finditer(text)]
    links = [(match, "://" not in match[1]) for match in LINK.finditer(text)]
    for match, is_path in spans + links:
        if is_path and not exists(match[1], here, known):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: `{match[1]}` does not exist"


def looks_like_path(span, here, known):
    if not PATH.match(span) or ELSEWHERE.search(span):
        return False
    if span.endswith(SOURCE):
        return True
    first = span.removeprefix("./").split("/")[0]
    return "/" in span and (first == ".." or any(p in known for p in candidates(first, here)))


def candidates(span, here):
    yield posixpath.normpath(span)
    yield posixpath.normpath(posixpath.join(here, span))


def exists(span, here, known):
    span = span.rstrip("/")
    if any(candidate in known for candidate in candidates(span, here)):
        return True
    if any(name.endswith("/include/" + span) for name in known):
        return True
    # A bare name means the file of that name anywhere below the README.
    prefix = here + "/" if here else ""
    return any(name.startswith(prefix) and name.endswith("/" + span) for name in known)
