#!/usr/bin/env python3
"""check_refusals.py SOURCE COMPILER [ARGUMENT...]

Compiles SOURCE, which must fail. For each comment "refused: <sentence>" there is one error that
begins with the sentence, between that line and the next such comment, and there are no others. An
error is where its template was instantiated.
"""

import re
import subprocess
import sys

# A user reads at most so much: the way to the sentence, the sentence, and its subject. g++ 14 shows
# more lines of source on the way than g++ 12, which stays below 18.
LINES_PER_ERROR_MAX = 25
EXPECTED = re.compile(r"^\s*// refused: (.*)$")


def expectations(source):
    with open(source, encoding="utf-8") as lines:
        return {
            number: match[1].strip()
            for number, line in enumerate(lines, 1)
            if (match := EXPECTED.search(line))
        }


def errors(source, output):
    """(line of SOURCE, message, lines of output) of every error.

    The lines are those since the error before, so with its last ones; the last error has its own.
    """
    here = re.compile(re.escape(source) + r":(\d+):\d+:")
    line, printed, found = 0, 0, []
    for text in output.splitlines():
        printed += 1
        if match := here.match(text):
            line = int(match[1])
        if " error: " in text:
            found.append((line, text.partition(" error: ")[2], printed))
            printed = 0
    if found:
        line, message, before = found.pop()
        found.append((line, message, before + printed))
    return found


def main():
    source, command = sys.argv[1], sys.argv[2:]
    run = subprocess.run([*command, source], stderr=subprocess.PIPE, text=True, check=False)
    expected = expectations(source)
    problems = [] if run.returncode else ["it compiles"]
    comments = sorted(expected)
    for line, message, printed in errors(source, run.stderr):
        comment = max((number for number in comments if number < line), default=None)
        sentence = expected.pop(comment, None)
        message = message.removeprefix("static assertion failed: ")
        if sentence is None:
            problems.append(f"{source}:{line}: one error more: {message}")
        elif not message.startswith(sentence):
            problems.append(f"{source}:{line}: not {sentence!r} but: {message}")
        if printed > LINES_PER_ERROR_MAX:
            problems.append(f"{source}:{line}: {printed} lines for one error")
    problems += [f"{source}:{line}: what follows compiles" for line in sorted(expected)]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
