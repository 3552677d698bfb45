"""Finds function bodies in clang-formatted C++, well enough to measure their length."""

import re

# Comments, string and character literals: what may hold braces that mean nothing.
QUIET = re.compile(
    r"""//[^\n]*
      | /\*.*?\*/
      | R"([^(\s]*)\(.*?\)\1"
      | "(?:\\.|[^"\\\n])*"
      | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL | re.VERBOSE,
)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def functions(text):
    """Yields (line, number of lines) of each function defined outside of other functions."""
    code = QUIET.sub(blank, text)
    code = re.sub(r"^\s*#.*(?:\\\n.*)*", blank, code, flags=re.MULTILINE)
    header = 0  # where the declaration at hand begins
    scopes = []  # for each open brace: None for a scope of declarations, else a body's begin
    for place, char in enumerate(code):
        inside = any(begin is not None for begin in scopes)
        if char == "{":
            declaration = code[header:place]
            scopes.append(None if inside or is_scope(declaration) else begin_of(code, header))
            if scopes[-1] is None and not inside:
                header = place + 1
        elif char == "}" and scopes:
            begin = scopes.pop()
            if begin is not None:
                lines = code.count("\n", begin, place) + 1
                yield code.count("\n", 0, begin) + 1, lines
            if not any(scope is not None for scope in scopes):
                header = place + 1
        elif char == ";" and not inside:
            header = place + 1


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def is_scope(declaration):
    """Whether the brace after `declaration` opens a namespace, a type or an initializer."""
    if declaration.rstrip().endswith(("(", ",", "=")):
        return True
    plain = re.sub(r"template\s*<[^{}]*?>\s*(?=\w)|requires\s*\([^)]*\)", " ", declaration)
    return "(" not in plain or bool(SCOPE.search(plain.split("(")[0]))


def begin_of(code, header):
    while code[header].isspace():
        header += 1
    return header
