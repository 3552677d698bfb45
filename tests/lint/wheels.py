"""The pinned tools that apps/setup.sh installs; a check whose tool is absent is skipped."""

# CTest reports a check that exits with this code as skipped (SKIP_RETURN_CODE).
SKIPPED = 77
PINS = "tests/lint/requirements.txt"


class Absent(Exception):
    """The tool of a check is not installed."""


def tool(tree, name):
    """Path of the tool, for a command; raises Absent."""
    path = tree.root / ".local" / "lint" / "bin" / name
    if not path.exists():
        raise Absent(f"no {name}: apps/setup.sh installs it into .local/lint")
    return str(path)
