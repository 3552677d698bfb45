#!/usr/bin/env -S python3 -B
"""Checks the project's sources: layers, style, READMEs, format, scripts.

Prints one line a problem and exits 1 if there is any.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

import layers
import readmes
import style
from tree import Tree

TOOL_TIMEOUT_S = 120


def clang_format(tree):
    files = tree.select(".cc", ".h")
    output = run(tree, ["clang-format-14", "--dry-run", "-Werror", *files]) if files else ""
    for name in sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: error", output, re.MULTILINE))):
        yield f"{name}: not formatted: clang-format-14 -i {name}"


def shellcheck(tree):
    scripts = [name for name in tree.files if is_shell(tree, name)]
    for name in scripts:
        if not (tree.root / name).stat().st_mode & 0o100:
            yield f"{name}: a script that cannot be executed"
    if scripts and shutil.which("shellcheck"):
        yield from run(tree, ["shellcheck", "--format=gcc", "-x", *scripts]).splitlines()


def is_shell(tree, name):
    with open(tree.root / name, "rb") as file:
        first = file.readline(64)
    return first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh"))


def run(tree, command):
    """What the command says when it fails, else nothing."""
    result = subprocess.run(
        command, cwd=tree.root, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False
    )
    return result.stdout + result.stderr if result.returncode else ""


CHECKS = {
    "layers": layers.check,
    "style": style.check,
    "readmes": readmes.check,
    "format": clang_format,
    "scripts": shellcheck,
}


def main():
    here = pathlib.Path(__file__).resolve()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checks", nargs="*", help=f"which: {', '.join(CHECKS)} (default: all)")
    parser.add_argument("--root", default=here.parents[2], help="the project's top folder")
    args = parser.parse_args()
    if unknown := set(args.checks) - CHECKS.keys():
        parser.error(f"unknown check: {', '.join(sorted(unknown))}")
    tree = Tree(args.root)
    chosen = args.checks or list(CHECKS)
    problems = [problem for name in chosen for problem in CHECKS[name](tree)]
    for problem in problems:
        print(problem)
    print(f"{len(tree.files)} files, checks: {', '.join(chosen)}, problems: {len(problems)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
