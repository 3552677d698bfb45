"""Phrases that make prose read as translated, in READMEs, comments and docstrings."""

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
    rf"\bas{GAP}one{GAP}that\b": '"is as one that": is treated as',
    rf"\bwhose{GAP}it{GAP}is\b": '"whose it is": name the owner',
}
RULES = [(re.compile(pattern), says) for pattern, says in PHRASES.items()]

FENCE = re.compile(r"^\s*```.*?^\s*```", re.DOTALL | re.MULTILINE)
CODE_SPAN = re.compile(r"`[^`\n]+`")
CPP_MARK = re.compile(r"^\s*(?:///?<?|/\*+|\*/|\*)|///?<?|/\*+|\*/", re.MULTILINE)
SHELL_QUOTED = re.compile(r"'[^'\n]*'|\"(?:\\.|[^\"\\\n])*\"")
SHELL_COMMENT = re.compile(r"(?<!\S)#[^\n]*")
# A string that stands where a statement may begin is a docstring.
STATEMENT_ENDS = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def check(tree):
    for suffix, prose_of in PROSE.items():
        for name in tree.select(suffix):
            text = prose_of(tree.text(name))
            for rule, says in RULES:
                for match in rule.finditer(text):
                    yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {says}"


def readme(text):
    return CODE_SPAN.sub(blank, FENCE.sub(blank, text))


def cpp(text):
    comments = (match.span() for match in QUIET.finditer(text) if match[0].startswith("/"))
    return CPP_MARK.sub(blank, keep(text, comments))


def shell(text):
    bare = SHELL_QUOTED.sub(blank, text)
    return keep(text, (match.span() for match in SHELL_COMMENT.finditer(bare))).replace("#", " ")


def python(text):
    return keep(text, docstrings_and_comments(text)).replace("#", " ").replace('"', " ")


def docstrings_and_comments(text):
    lines = [0]  # where each line begins
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    before = tokenize.ENCODING
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and before in STATEMENT_ENDS
        if is_docstring or token.type == tokenize.COMMENT:
            yield tuple(lines[line - 1] + column for line, column in (token.start, token.end))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            before = token.type


def keep(text, spans):
    """`text` with white space in place of everything outside of `spans`."""
    kept = list(re.sub(r"[^\n]", " ", text))
    for begin, end in spans:
        kept[begin:end] = text[begin:end]
    return "".join(kept)


PROSE = {"README.md": readme, ".h": cpp, ".cc": cpp, ".sh": shell, ".py": python}
