"""Manual pages, completions and the table of exit codes have all that `--help` has.

Usage: help_test.py PROGRAMS_FOLDER PAGES_FOLDER README
"""

import functools
import gzip
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

PROGRAMS = ("crm_materializer", "crm_workload", "millrace")


def run(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


@functools.cache
def help_of(program, path=()):
    return run(FOLDER / program, *path, "--help")


def commands(program, path=()):
    """Paths of all commands, the program itself as ()."""
    found = [path]
    below = re.search(r"^Subcommands:\n((?:.*\n)+?)(?:\n|\Z)", help_of(program, path), re.M)
    if below:
        for name in re.findall(r"^  ([a-z][a-z-]*)", below[1], re.M):
            found += commands(program, (*path, name))
    return found


def options(program, path):
    names = re.findall(r"^  (-[^\s]+)", help_of(program, path), re.M)
    return {name for line in names for name in line.split(",")}


def man_section(program, path):
    page = gzip.decompress((PAGES / "man1" / f"{program}.1.gz").read_bytes()).decode()
    page = page.replace("\\-", "-").replace("\\fR", "").replace("\\fB", "").replace("\\fI", "")
    if not path:
        return page[: page.find("\n.SH COMMANDS")]
    title = f'.SS "{program} {" ".join(path)} ['
    begin = page.index(title)
    return page[begin : page.find("\n.S", begin + 1)]


def bash_words(program, words):
    """Proposals behind these words and an empty one."""
    script = (
        'source "$1"; shift; COMP_WORDS=("$@" ""); COMP_CWORD=$#; '
        '"_$1"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return set(run("bash", "-c", script, "-", PAGES / "bash" / program, program, *words).split())


def zsh_function(program, path):
    text = (PAGES / "zsh" / f"_{program}").read_text()
    name = "_" + re.sub(r"\W", "_", " ".join((program, *path)))
    begin = text.index(f"\n{name}() {{")
    return text[begin : text.index("\n}\n", begin)]


def exit_codes(text):
    return dict(re.findall(r"^  (\d+) +(.+)$", text[text.index("Exit codes:") :], re.M))


class HelpTest(unittest.TestCase):
    def for_each_command(self, check):
        for program in PROGRAMS:
            for path in commands(program):
                with self.subTest(program=program, path=path):
                    check(program, path)

    def test_the_programs_have_commands_and_options(self):
        self.assertIn(("topic", "dump"), commands("millrace"))
        self.assertIn(("synthetic",), commands("crm_workload"))
        self.assertIn("--topic", options("millrace", ("topic", "dump")))
        self.assertIn("--commit.interval.ms", options("crm_materializer", ()))

    def test_manual_pages_have_all_commands_and_options(self):
        def check(program, path):
            if path and len(commands(program, path)) > 1:
                return  # the page has its commands only
            section = man_section(program, path)
            for name in options(program, path):
                self.assertRegex(section, rf"(?m)^(.*, )?{re.escape(name)}( |,|$)")

        self.for_each_command(check)

    def test_manual_pages_are_without_faults(self):
        if not shutil.which("groff"):
            self.skipTest("there is no groff")
        for program in PROGRAMS:
            page = gzip.decompress((PAGES / "man1" / f"{program}.1.gz").read_bytes())
            command = ["groff", "-man", "-Tutf8", "-ww", "-z"]
            faults = subprocess.run(command, input=page, capture_output=True, check=True).stderr
            self.assertEqual(faults, b"", program)

    def test_bash_completes_all_commands_and_options(self):
        def check(program, path):
            below = {p[-1] for p in commands(program, path) if len(p) == len(path) + 1}
            self.assertEqual(bash_words(program, path), below | options(program, path))

        self.for_each_command(check)

    def test_bash_completes_values(self):
        types = re.search(r"--type TEXT:\{(.*?)\}", help_of("millrace", ("topic", "dump")))[1]
        self.assertEqual(
            bash_words("millrace", ("topic", "dump", "--type")), set(types.split(","))
        )
        self.assertEqual(bash_words("millrace", ("topic", "dump", "--topic")), set())
        self.assertEqual(
            bash_words("crm_materializer", ("--create.topics",)), {"true", "false"}
        )

    def test_zsh_completes_all_commands_and_options(self):
        def check(program, path):
            function = zsh_function(program, path)
            for name in options(program, path):
                self.assertRegex(function, rf"'\*?{re.escape(name)}\[")
            for below in commands(program, path)[1:]:
                self.assertIn(f"        {below[len(path)]}) _", function)

        self.for_each_command(check)

    def test_zsh_reads_its_completions(self):
        if not shutil.which("zsh"):
            self.skipTest("there is no zsh")
        for program in PROGRAMS:
            run("zsh", "-n", PAGES / "zsh" / f"_{program}")

    def test_one_table_has_all_exit_codes(self):
        section = README.read_text().split("\n## Exit codes\n")[1].split("\n## ")[0]
        table = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", section, re.M))
        told = {}
        for program in PROGRAMS:
            told |= exit_codes(help_of(program))
        self.assertEqual(told, table)
        self.assertEqual(set(exit_codes(help_of("millrace"))) & {"1", "4"}, {"1"})


if __name__ == "__main__":
    FOLDER, PAGES, README = (pathlib.Path(sys.argv.pop(1)) for _ in range(3))
    unittest.main(verbosity=0)
