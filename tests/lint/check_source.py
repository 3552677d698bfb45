#!/usr/bin/env -S python3 -B
"""Checks the project's sources: layers, style, READMEs, shape, prose, duplicates, stock settings,
monitoring, format, scripts.

Prints one line a problem and exits 1 if there is any; exits 77 if a check had to be skipped.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

import duplicates
import layers
import monitoring
import prose
import readmes
import shape
import stock
import style
import wheels
from tree import Tree

TOOL_TIMEOUT_S = 120


def clang_format(tree):
    files = tree.select(".cc", ".h")
    tool = wheels.tool(tree, "clang-format")
    output = run(tree, [tool, "--dry-run", "-Werror", *files]) if files else ""
    names = set(re.findall(r"^([^:\n]+):\d+:\d+: error", output, re.MULTILINE))
    if output and not names:
        yield f"clang-format failed: {output.strip()}"
    for name in sorted(names):
        yield f"{name}: not formatted: .local/lint/bin/clang-format -i {name}"


def shellcheck(tree):
    scripts = [name for name in tree.files if is_shell(tree, name)]
    for name in scripts:
        if not (tree.root / name).stat().st_mode & 0o100:
            yield f"{name}: a script that cannot be executed"
    if not shutil.which("shellcheck"):
        raise wheels.Absent("no shellcheck: apps/setup.sh installs it")
    if scripts:
        yield from run(tree, ["shellcheck", "--format=gcc", "-x", *scripts]).splitlines()


def is_shell(tree, name):
    with open(tree.root / name, "rb") as file:
        first = file.readline(64)
    return first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh"))


def run(tree, command):
    """The command's output when it fails, else nothing."""
    result = subprocess.run(
        command, cwd=tree.root, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False
    )
    return result.stdout + result.stderr if result.returncode else ""


CHECKS = {
    "layers": layers.check,
    "style": style.check,
    "readmes": readmes.check,
    "shape": shape.check,
    "prose": prose.check,
    "duplicates": duplicates.check,
    "stock": stock.check,
    "monitoring": monitoring.check,
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
    problems, skipped = [], []
    for name in chosen:
        try:
            problems += CHECKS[name](tree)
        except wheels.Absent as absent:
            skipped.append(f"{name} skipped: {absent}")
    for line in problems + skipped:
        print(line)
    print(f"{len(tree.files)} files, checks: {', '.join(chosen)}, problems: {len(problems)}")
    if problems:
        return 1
    return wheels.SKIPPED if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
