"""Limits and forms that a reader relies on: sizes, names, white space, no notes to self."""

import re

from cpp_functions import functions

LINES_MAX = 500
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

CODE = (".cc", ".h", ".py", ".sh", ".java", ".cmake", ".fbs", "CMakeLists.txt", ".ci/run")
PROSE = (".md",)
NOTES = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
CPP_NAME = re.compile(r"^[a-z0-9_]+\.(cc|h)$")


def check(tree):
    for name in tree.select(*CODE, *PROSE):
        try:
            text = tree.text(name)
        except UnicodeDecodeError:
            yield f"{name}: not UTF-8"
            continue
        for problem in whitespace(name, text):
            yield f"{name}:{problem}"
        if name.endswith(CODE):
            yield from sizes(name, text)
        if name.endswith((".cc", ".h")):
            yield from cpp(name, text)


def whitespace(name, text):
    if text.strip() and not text.endswith("\n"):
        yield "1: no newline at the end of the file"
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            yield f"{number}: a tab"
        if line != line.rstrip():
            yield f"{number}: white space at the end of the line"
        if name.endswith(CODE) and len(line) > COLUMNS_MAX:
            yield f"{number}: {len(line)} columns (at most {COLUMNS_MAX})"
        if note := NOTES.search(line):
            yield f"{number}: {note[0]}: do it, or file it with an owner"


def sizes(name, text):
    lines = text.count("\n")
    if lines > LINES_MAX:
        yield f"{name}: {lines} lines (at most {LINES_MAX}): split it by idea"


def cpp(name, text):
    base = name.rpartition("/")[2]
    if not CPP_NAME.match(base):
        yield f"{name}: file names are snake_case"
    if name.endswith(".h"):
        if not re.search(r"^#pragma once$", text, re.MULTILINE):
            yield f"{name}: no #pragma once"
        if re.search(r"^\s*using namespace", text, re.MULTILINE):
            yield f"{name}: a header must not say `using namespace`"
    for line, lines in functions(text):
        if lines > FUNCTION_LINES_MAX:
            yield f"{name}:{line}: a function of {lines} lines (at most {FUNCTION_LINES_MAX})"
