"""Compares topics and queries of crm_materializer with what the oracle expects."""

import http.client
import json
import subprocess
import time
from collections import Counter

REBALANCE_TIMEOUT_S = 60


def dump(programs, bootstrap, topic, latest=False, reveal=False, options=()):
    """Committed records of a topic, dead letters in full if `reveal`; `programs` is the folder of
    `millrace`, `options` are more flags."""
    command = [str(programs / "millrace"), "topic", "dump", "--bootstrap.servers", bootstrap,
               "--topic", topic] + ["--latest"] * latest + ["--reveal"] * reveal
    command += options
    lines = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout
    return [json.loads(line) for line in lines.splitlines()]


def same_text(found, expected):
    """Equal, or the same JSON: numbers have more than one spelling."""
    if found == expected:
        return True
    try:
        return json.loads(found) == json.loads(expected)
    except (TypeError, ValueError):
        return False


def same_fields(found, expected):
    return found.keys() == expected.keys() and all(
        same_text(found[name], expected[name]) for name in expected)


class Report:
    def __init__(self):
        self.counts = Counter()

    def add(self, kind, text):
        self.counts[kind] += 1
        if self.counts[kind] <= 5:
            print(f"{kind}: {text}", flush=True)


def check_redirects(expected, dumped, report):
    found = {line["key"]: line["value"] for line in dumped}
    for name, want in expected.redirects.items():
        have = found.pop(name, None)
        if have is None:
            report.add("lost", f"redirect of {name}")
        elif {key: have.get(key) for key in want} != want:
            report.add("wrong", f"redirect of {name}: {have}, expected {want}")
    for name in found:
        report.add("wrong", f"redirect of {name}, which no fact names")


def state_of(value):
    members = {member["id"]: member.get("via") for member in value["members"]}
    fields = {field["name"]: field.get("value") for field in value.get("fields") or []}
    return value["status"], members, fields


def check_states(expected, dumped, report):
    found = {line["key"]: line["value"] for line in dumped}
    for root, members in expected.members.items():
        status = expected.status(root)
        have = found.pop(root, None)
        if status == "Deleted":
            if have is not None:
                report.add("wrong", f"state of deleted account {root}")
        elif have is None:
            report.add("lost", f"state of {root}")
        else:
            got_status, got_members, got_fields = state_of(have)
            if got_status != status or got_members != members or not same_fields(
                    got_fields, expected.fields(root)):
                report.add("wrong", f"state of {root}: {have}")
    for root in found:
        report.add("wrong", f"state of {root}, which is no root")


def check_versions(states, report):
    """The counter of an account never goes back and never stands still."""
    version = Counter()
    for line in states:
        if line["value"] is None:
            continue
        if line["value"]["version"] <= version[line["key"]]:
            report.add("doubled", f"version of {line['key']} at offset {line['offset']}")
        version[line["key"]] = line["value"]["version"]


def check_redirect_log(redirects, report):
    """No redirect twice in a row. Only where facts come in order: out of order, one may change to
    and fro between two commits."""
    latest = {}
    for line in redirects:
        if latest.get(line["key"]) == line["value"]:
            report.add("doubled", f"redirect of {line['key']} at offset {line['offset']}")
        latest[line["key"]] = line["value"]


def check_conflicts(conflicts, expected, report):
    """A split appears once; an edge appears, by turns, as left out and as no longer left out."""
    latest = {}
    split = set()
    for line in conflicts:
        value = line["value"]
        about = json.dumps([value["ids"], value["version"]], sort_keys=True)
        if latest.get(about) == value["kind"]:
            report.add("doubled", f"conflict {value}")
        latest[about] = value["kind"]
        if value["kind"] == "Split":
            split.add(value["ids"][0])
    for name, redirect in expected.redirects.items():
        if redirect["decision"] == "Split" and name not in split:
            report.add("lost", f"the split of {name} was not reported")


def ask(connections, ports, name):
    """The first answer that is not "elsewhere or on its way"; else the last one. Asks again while
    a rebalance is under way, as a client has to.
    """
    give_up = time.monotonic() + REBALANCE_TIMEOUT_S
    while True:
        for port in ports:
            if port not in connections:
                connections[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connections[port].request("GET", f"/v1/accounts/{name}")
            answer = connections[port].getresponse()
            body = json.loads(answer.read())
            if answer.status != 503:
                return answer.status, body
        if " is suspended" not in body["error"] or time.monotonic() > give_up:
            return answer.status, body
        time.sleep(0.2)


def check_queries(expected, ports_for, report, names=None):
    """`ports_for`: the query ports to ask for an id, in turn, until one knows. `names`: all ids
    unless given.

    Returns how many victims nobody could answer for, because their redirect and their account are
    on different instances. The accounts themselves are asked for, too, and tell their members.
    """
    connections, elsewhere = {}, 0
    for name in names or sorted(expected.ids):
        root = expected.root(name)
        status, body = ask(connections, ports_for(name), name)
        if status == 503 and name != root:
            elsewhere += 1
            continue
        if status != 200:
            report.add("lost", f"query of {name}: {status} {body}")
            continue
        members = {member["id"]: member.get("via") for member in body["members"]}
        if (body["root"] != root or members != expected.members[root]
                or body["status"] != expected.status(root)
                or not same_fields(body["fields"], expected.fields(root))):
            report.add("wrong", f"query of {name}: {body}")
    for connection in connections.values():
        connection.close()
    return elsewhere
