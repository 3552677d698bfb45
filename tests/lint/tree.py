"""The project's files, and how an #include finds one of them."""

import pathlib
import re
import subprocess

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# Not ours to check: what a build or a run leaves behind when there is no git to ask.
LEFTOVERS = {".git", ".build", ".local", "target", "__pycache__"}
# Folders below which the paths of #include lines begin, beside public headers.
INCLUDE_ROOTS = ("", "operators/")


class Tree:
    """The tracked files below `root`, and those that are about to be: new and not ignored."""

    def __init__(self, root, files=None):
        self.root = pathlib.Path(root).resolve()
        names = files if files is not None else list_files(self.root)
        self.files = sorted(name for name in names if (self.root / name).is_file())
        self._known = set(self.files)
        self._public = {}  # "millrace/core/bytes.h" -> "engine/core/include/millrace/core/bytes.h"
        for name in self.files:
            _, include, rest = name.rpartition("include/")
            if include and name.endswith(".h"):
                self._public[rest] = name

    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def select(self, *suffixes):
        return [name for name in self.files if name.endswith(suffixes)]

    def includes(self, name):
        """Yields (line number, spelled path, file of ours or None) for each #include of `name`."""
        text = self.text(name)
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            target = self.resolve(name, match[2]) if match[1] == '"' else None
            yield line, match[2], target

    def resolve(self, includer, spelled):
        """The file of ours that `#include "spelled"` in `includer` means, or None."""
        beside = str(pathlib.PurePosixPath(includer).parent / spelled)
        for candidate in (beside, *(root + spelled for root in INCLUDE_ROOTS)):
            if candidate in self._known:
                return candidate
        return self._public.get(spelled)


def list_files(root):
    # A clone that belongs to another user is still only read here.
    git = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z"]
    git += ["--cached", "--others", "--exclude-standard"]
    result = subprocess.run(git, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode == 0:
        return sorted(set(filter(None, result.stdout.split("\0"))))
    return [
        str(path.relative_to(root))
        for path in root.rglob("*")
        if not LEFTOVERS.intersection(path.relative_to(root).parts)
    ]
