"""Alerts and dashboard name metrics that the engine exports; promtool accepts and tests them."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import wheels

FOLDER = "apps/monitoring/"
TABLE = FOLDER + "metrics.md"  # the unit test of the metrics compares it with the code
RULES = FOLDER + "rules.yml"
RULE_TESTS = FOLDER + "rules_test.yml"
DASHBOARD = FOLDER + "dashboard.json"
TOOL_TIMEOUT_S = 100

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.MULTILINE)
NAME = re.compile(r"\bmillrace_\w+")
# A recording rule's own name, "level:metric:operation".
RECORDED = re.compile(r"\w+:millrace_\w+:\w+")
ALERT = re.compile(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", re.DOTALL)
PARTS = ("summary:", "description:", "action:", "severity:")


def check(tree):
    if TABLE not in tree.files:
        return
    kinds = dict(ROW.findall(tree.text(TABLE)))
    for name in (RULES, RULE_TESTS, DASHBOARD):
        yield from unknown_metrics(name, tree.text(name), kinds)
    yield from incomplete_alerts(tree.text(RULES), tree.text(RULE_TESTS))
    yield from promtool(tree)


def unknown_metrics(name, text, kinds):
    """Names of no metric in the table; a histogram has three names of its own."""
    known = {metric for metric, kind in kinds.items() if kind != "histogram"}
    for metric, kind in kinds.items():
        if kind == "histogram":
            known |= {f"{metric}_{part}" for part in ("bucket", "sum", "count")}
    for number, line in enumerate(text.split("\n"), 1):
        for used in NAME.findall(RECORDED.sub(lambda match: match[0].split(":")[1], line)):
            if used not in known:
                yield f"{name}:{number}: the engine has no metric {used} ({TABLE})"


def incomplete_alerts(rules, tests):
    for alert, body in ALERT.findall(rules):
        for part in PARTS:
            if part not in body:
                yield f"{RULES}: {alert} has no {part.rstrip(':')}"
        if f'alertname="{alert}"' not in tests:
            yield f"{RULES}: {alert} has no test in {RULE_TESTS}"


def promtool(tree):
    path = tree.root / ".local" / "promtool" / "promtool"
    tool = str(path) if path.exists() else shutil.which("promtool")
    if tool is None:
        raise wheels.Absent("no promtool: apps/setup.sh fetches it into .local/promtool")
    for command, name in (("check", RULES), ("test", RULE_TESTS)):
        yield from failure(tree, [tool, command, "rules", str(tree.root / name)], name)
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "dashboard.yml"
        rules.write_text(as_rules(expressions(json.loads(tree.text(DASHBOARD)))), encoding="utf-8")
        yield from failure(tree, [tool, "check", "rules", str(rules)], DASHBOARD)


def failure(tree, command, name):
    result = subprocess.run(
        command, cwd=tree.root, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False
    )
    if result.returncode:
        yield f"{name}: promtool: {' '.join((result.stdout + result.stderr).split())}"


def expressions(value):
    """All PromQL in a dashboard, with a duration in the place of Grafana's."""
    if isinstance(value, dict):
        if "expr" in value:
            yield value["expr"].replace("$__rate_interval", "5m")
        for part in value.values():
            yield from expressions(part)
    elif isinstance(value, list):
        for part in value:
            yield from expressions(part)


def as_rules(found):
    """A file of recording rules with these expressions, so that promtool parses them."""
    rules = [{"record": f"dashboard:{number}", "expr": expr} for number, expr in enumerate(found)]
    return json.dumps({"groups": [{"name": "dashboard", "rules": rules}]})  # YAML takes JSON
