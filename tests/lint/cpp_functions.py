"""Finds function bodies in clang-formatted C++, well enough to measure and compare them."""

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
    code = without_quiet(text)
    for begin, _, end in spans(code):
        yield code.count("\n", 0, begin) + 1, code.count("\n", begin, end) + 1


def bodies(text):
    """Yields (line, body) of the same functions: the body without comments and braces."""
    code = without_quiet(text)
    plain = QUIET.sub(lambda match: blank(match) if match[0].startswith("/") else match[0], text)
    for begin, brace, end in spans(code):
        yield code.count("\n", 0, begin) + 1, plain[brace + 1 : end]


def without_quiet(text):
    code = QUIET.sub(blank, text)
    return re.sub(r"^\s*#.*(?:\\\n.*)*", blank, code, flags=re.MULTILINE)


def spans(code):
    """Yields where each function begins, and where its body's braces are."""
    header = 0  # where the declaration at hand begins
    scopes = []  # for each open brace: None for a scope of declarations, else (begin, brace)
    for place, char in enumerate(code):
        inside = any(scope is not None for scope in scopes)
        if char == "{":
            declaration = code[header:place]
            is_body = not inside and not is_scope(declaration)
            scopes.append((begin_of(code, header), place) if is_body else None)
            if scopes[-1] is None and not inside:
                header = place + 1
        elif char == "}" and scopes:
            if scope := scopes.pop():
                yield *scope, place
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
