"""Counts the data members of classes in clang-formatted C++."""

import re

from cpp_functions import without_quiet

CLASS = re.compile(r"\b(?<!enum )(?:class|struct)\s+(?:\[\[\w+\]\]\s*)?([\w:]+)[^;{}()]*\{")
TYPE = re.compile(r"(struct|class|union)\b")
# A type by itself, declared or defined: no member of that type comes with it.
BARE_TYPE = re.compile(r"(struct|class|union)\s+[\w:]+(\s*\{\}|\s+(final\s*)?(:[^{]*)?\{\})?$")
NOT_DATA = re.compile(r"(using|typedef|friend|static|template|enum|static_assert)\b|.*\boperator\b")
NOISE = re.compile(
    r"\b(?:public|private|protected)\s*:(?!:)|\[\[.*?\]\]|\balignas\([^()]*\)|\bmutable\b",
    re.DOTALL,
)
TEMPLATE_ARGUMENTS = re.compile(r"<[^<>;]*>")
POINTER_TO_FUNCTION = re.compile(r"\(\s*\*\s*\w+\s*\)\s*\([^()]*\)")
PARENTHESES = re.compile(r"\([^()]*\)")
CONTINUES = ",=)."  # after braces: these are part of an initializer


def classes(text):
    """Yields (line, name, number of data members) of each class."""
    code = without_quiet(text)
    for match in CLASS.finditer(code):
        members = sum(map(data_members, declarations(code, match.end())))
        yield code.count("\n", 0, match.start()) + 1, match[1], members


def declarations(code, begin):
    """Yields the declarations of the class body that begins there, "{}" for all in braces.

    Leaves out functions that have their body there.
    """
    level, declaration = 1, ""
    for char in code[begin:]:
        if char == "}":
            level -= 1
            if level == 0:
                return
            if level == 1:
                declaration += "{}"
        elif char == "{":
            level += 1
        elif level == 1 and char == ";":
            yield plain(declaration)
            declaration = ""
        elif level == 1:
            declaration = ("" if follows_body(declaration, char) else declaration) + char


def follows_body(declaration, char):
    """Whether `char` follows a function's body."""
    if char.isspace() or char in CONTINUES or not declaration.rstrip().endswith("{}"):
        return False
    return not TYPE.match(plain(declaration))


def plain(declaration):
    return NOISE.sub(" ", declaration).strip()


def data_members(declaration):
    declaration = reduced(TEMPLATE_ARGUMENTS, "", declaration)
    declaration = reduced(POINTER_TO_FUNCTION, " pointer", declaration)
    declarator = declaration.split("=")[0].strip()
    if NOT_DATA.match(declaration) or BARE_TYPE.match(declaration):
        return 0
    if "(" in declarator or " " not in declarator:
        return 0
    return 1 + reduced(PARENTHESES, "", declaration).count(",")


def reduced(pattern, instead, text):
    while (fewer := pattern.sub(instead, text)) != text:
        text = fewer
    return text
