#!/usr/bin/env -S python3 -B
"""Runs clang-tidy over the product's .cc files of a build, skipping what has passed before.

A file has passed when neither it, nor a project header it includes, nor a schema, nor .clang-tidy,
nor its compile command changed since. Prints the findings and exits 1 if there are any; exits 77
if clang-tidy is not installed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import wheels
from tree import Tree

PRODUCT = ("engine/", "state/", "operators/", "schemas/", "apps/")
# g++ does the warnings; the analyzer's shallow mode takes a fifth of the time of its deep one.
EXTRA = ["-w", "-Xclang", "-analyzer-config", "-Xclang", "mode=shallow"]
FILE_TIMEOUT_S = 300
UNITY_SOURCE = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)


class Tidy:
    def __init__(self, tree, stamps):
        self.tree = tree
        self.tool = wheels.tool(tree, "clang-tidy")
        self.stamps = stamps
        self._hashes = {}
        common = [tree.text(wheels.PINS), *EXTRA, tree.text(".clang-tidy")]
        self._common = digest(common + [tree.text(name) for name in tree.select(".fbs")])

    def key(self, name, command):
        parts = [self._common, command]
        parts += [f"{file} {self.hash(file)}" for file in sorted(self.closure(name))]
        return digest(parts)

    def hash(self, name):
        if name not in self._hashes:
            self._hashes[name] = digest([self.tree.text(name)])
        return self._hashes[name]

    def closure(self, name):
        """`name` and the files of ours that it includes, directly or not."""
        seen, open_ends = {name}, [name]
        while open_ends:
            for _, _, target in self.tree.includes(open_ends.pop()):
                if target is not None and target not in seen:
                    seen.add(target)
                    open_ends.append(target)
        return seen

    def run(self, name, command):
        """The findings in `name`; empty when there are none. Needs no run when it passed before."""
        stamp = self.stamps / self.key(name, command)
        if stamp.exists():
            return name, False, ""
        tidy = [self.tool, "--quiet", "-p", str(self.stamps)]
        tidy += [f"--extra-arg={argument}" for argument in EXTRA] + [name]
        try:
            result = subprocess.run(
                tidy, cwd=self.tree.root, capture_output=True, text=True, timeout=FILE_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return name, True, f"{name}: no result after {FILE_TIMEOUT_S} s"
        if result.returncode == 0:
            stamp.touch()
            return name, True, ""
        return name, True, (result.stdout or result.stderr).strip()


def digest(parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def compile_commands(build):
    """The build's entries; one of a unity stands for an entry of each source that it includes."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        file = pathlib.Path(entry["directory"], entry["file"])
        sources = [str(file)]
        if file.parent.name == "Unity":
            sources = UNITY_SOURCE.findall(file.read_text(encoding="utf-8"))
        for source in sources:
            command = entry["command"].replace(entry["file"], source)
            yield {"directory": entry["directory"], "file": source, "command": command}


def product_files(tree, entries):
    for entry in entries:
        path = pathlib.Path(entry["file"]).resolve()
        if path.is_relative_to(tree.root):
            name = str(path.relative_to(tree.root))
            if name.startswith(PRODUCT) and name in tree.files:
                yield name, entry["command"]


def main():
    here = pathlib.Path(__file__).resolve()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="a configured and built build folder")
    parser.add_argument("files", nargs="*", help="only these, from the top folder (default: all)")
    parser.add_argument("--root", default=here.parents[2], help="the project's top folder")
    parser.add_argument("--stamps", type=pathlib.Path, help="default: .build/tidy in the root")
    args = parser.parse_args()
    tree = Tree(args.root)
    stamps = args.stamps or tree.root / ".build" / "tidy"
    stamps.mkdir(parents=True, exist_ok=True)
    try:
        tidy = Tidy(tree, stamps)
    except wheels.Absent as absent:
        print(f"clang-tidy skipped: {absent}")
        return wheels.SKIPPED
    entries = list(compile_commands(args.build.resolve()))
    (stamps / "compile_commands.json").write_text(json.dumps(entries), encoding="utf-8")
    work = dict(product_files(tree, entries))
    if args.files:
        work = {name: command for name, command in work.items() if name in args.files}
    checked = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, ran, findings in pool.map(lambda item: tidy.run(*item), sorted(work.items())):
            checked += ran
            failed += bool(findings)
            if findings:
                print(f"{name}:\n{findings}", flush=True)
    print(f"{len(work)} files, {len(work) - checked} unchanged since they passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
