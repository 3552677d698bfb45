"""Phrases that make prose read as translated, in Markdown, comments, docstrings and messages."""

import io
import re
import tokenize

from cpp_functions import QUIET, blank

GAP = r"[ ]*(?:\n[ ]*|[ ])"  # between two words: at most one end of a line
PHRASES = {
    r"(?<![\w\"'-])What(?=\s)": 'a sentence begins with "What": name the thing',
    rf"\b(?:is|are|was|were){GAP}told\b": '"is told": say who reports it, and to whom',
    rf"\b(?:goes|go|went){GAP}on\b": '"goes on": continues, resumes, keeps running',
    rf"\bmade{GAP}anew\b": '"made anew": created again, rebuilt, replaced',
    rf"\b(?:begins?|began|begun){GAP}anew\b": '"began anew": restarted, is a new one',
    rf"\bas{GAP}one{GAP}that\b": '"is as one that": is treated as',
    rf"\bwhose{GAP}it{GAP}is\b": '"whose it is": name the owner',
}
RULES = [(re.compile(pattern), says) for pattern, says in PHRASES.items()]
# The phrases are data in these files.
QUOTING = ("tests/lint/prose.py", "tests/lint/lint_test.py")

FENCE = re.compile(r"^\s*```.*?^\s*```", re.DOTALL | re.MULTILINE)
CODE_SPAN = re.compile(r"`[^`\n]+`")
CPP_MARK = re.compile(r"^\s*(?:///?<?|/\*+|\*/|\*)|///?<?|/\*+|\*/", re.MULTILINE)
ESCAPE = re.compile(r"\\[nrt\"]")
# The texts of a script: in here-documents, between quotes, in comments.
SHELL = re.compile(
    r"""(?<!<)<<-?(?P<quote>['"]?)(?P<end>\w+)(?P=quote)[^\n]*\n(?P<document>.*?)^\s*(?P=end)$
      | '(?P<plain>[^'\n]*)'
      | "(?P<quoted>(?:\\.|[^"\\\n])*)"
      | (?<!\S)(?P<comment>\#[^\n]*)""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
CMAKE = re.compile(r'"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<comment>#[^\n]*)', re.DOTALL)
# A string that stands where a statement may begin is a docstring.
STATEMENT_ENDS = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def check(tree):
    for suffix, prose_of in PROSE.items():
        for name in tree.select(suffix):
            extract = python_documents if name in QUOTING else prose_of
            text = extract(tree.text(name))
            for rule, says in RULES:
                for match in rule.finditer(text):
                    yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {says}"


def markdown(text):
    return CODE_SPAN.sub(blank, FENCE.sub(blank, text))


def cpp(text):
    """Comments and string literals: errors, help, lines of the log."""
    kept = keep(text, (cpp_span(match) for match in QUIET.finditer(text)))
    return ESCAPE.sub(blank, CPP_MARK.sub(blank, kept))


def cpp_span(match):
    begin, end = match.span()
    if match[0].startswith("/"):
        return begin, end
    if match[0].startswith("R"):
        return text_begin(match), end - len(match[1]) - 2
    return begin + 1, end - 1


def text_begin(match):
    return match.start() + match[0].index("(") + 1


def shell(text):
    return named_groups(SHELL, text)


def cmake(text):
    return named_groups(CMAKE, text)


def named_groups(pattern, text):
    kept = keep(text, (match.span(match.lastgroup) for match in pattern.finditer(text)))
    return ESCAPE.sub(blank, kept.replace("#", " "))


def python(text):
    return python_prose(text, python_tokens(text, with_strings=True))


def python_documents(text):
    return python_prose(text, python_tokens(text, with_strings=False))


def python_prose(text, spans):
    return ESCAPE.sub(blank, keep(text, spans)).replace("#", " ").replace('"', " ")


def python_tokens(text, with_strings):
    """Where comments and docstrings are, and on demand all other strings."""
    lines = [0]  # where each line begins
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    strings = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    before = tokenize.ENCODING
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_wanted_string = token.type in strings and (with_strings or before in STATEMENT_ENDS)
        if is_wanted_string or token.type == tokenize.COMMENT:
            yield tuple(lines[line - 1] + column for line, column in (token.start, token.end))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            before = token.type


def keep(text, spans):
    """`text` with white space in place of everything outside of `spans`."""
    kept = list(re.sub(r"[^\n]", " ", text))
    for begin, end in spans:
        kept[begin:end] = text[begin:end]
    return "".join(kept)


PROSE = {
    ".md": markdown,
    ".h": cpp,
    ".cc": cpp,
    ".fbs": cpp,
    ".java": cpp,
    ".sh": shell,
    ".ci/run": shell,
    ".py": python,
    "CMakeLists.txt": cmake,
    ".cmake": cmake,
}
