#!/usr/bin/env python3
"""Runs crm_materializer over a registry history on a real Kafka, kills it with SIGKILL at random
moments while it works, starts it again, and compares the final topics and every query with the
oracle.

    crash_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --data DIR [--kills 10] [--seed 1]

--bin has crm_materializer, crm_workload and millrace; --data has one *.jsonl.gz (snapshots)
and one *merges.csv. It starts a Kafka of its own. Last line: what was lost, doubled or wrong.
"""

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from oracle import Expected

START_TIMEOUT_S = 60
DRAIN_TIMEOUT_S = 180


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Instance:
    """One crm_materializer process."""

    def __init__(self, args, bootstrap, work):
        self.command = [
            str(args.bin / "crm_materializer"), "--bootstrap.servers", bootstrap,
            "--application.id", "crm-crash", "--state.dir", str(work / "state"),
            "--create.topics=true", "--session.timeout.ms", "2000", "--query.port",
        ]
        self.log = open(work / "materializer.log", "ab")
        self.start()

    def start(self):
        self.port = free_port()
        self.process = subprocess.Popen(self.command + [str(self.port)], stdout=self.log,
                                        stderr=self.log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def wait_caught_up(self):
        """Until three looks in a row find nothing left to do, and no lag."""
        calm, end = 0, time.monotonic() + DRAIN_TIMEOUT_S
        while calm < 3:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("the materializer did not catch up, see its log")
            time.sleep(0.5)
            try:
                _, health = self.get("/v1/health")
            except OSError:
                calm = 0
                continue
            calm = calm + 1 if health["caught_up"] and health["lag_records"] == 0 else 0

    def stop(self):
        self.process.terminate()
        return self.process.wait(40)


def dump(args, bootstrap, topic, latest):
    command = [str(args.bin / "millrace"), "topic", "dump", "--bootstrap.servers", bootstrap,
               "--topic", topic] + (["--latest"] if latest else [])
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


def check_logs(states, redirects, conflicts, expected, report):
    """What a doubled change would leave in the logs of the topics."""
    version = Counter()
    for line in states:
        if line["value"] is None:
            continue
        if line["value"]["version"] <= version[line["key"]]:
            report.add("doubled", f"version of {line['key']} at offset {line['offset']}")
        version[line["key"]] = line["value"]["version"]
    latest = {}
    for line in redirects:
        if latest.get(line["key"]) == line["value"]:
            report.add("doubled", f"redirect of {line['key']} at offset {line['offset']}")
        latest[line["key"]] = line["value"]
    seen = Counter(json.dumps(line["value"], sort_keys=True) for line in conflicts)
    for text, count in seen.items():
        if count > 1:
            report.add("doubled", f"conflict {text}")
    splits = sum(1 for line in conflicts if line["value"]["kind"] == "Split")
    if splits < sum(1 for r in expected.redirects.values() if r["decision"] == "Split"):
        report.add("lost", "a split that was not reported")


def check_queries(expected, instance, report):
    connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=10)
    for name in sorted(expected.ids):
        connection.request("GET", f"/v1/accounts/{name}")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != 200:
            report.add("lost", f"query of {name}: {answer.status} {body}")
            continue
        root = expected.root(name)
        members = {member["id"]: member.get("via") for member in body["members"]}
        if (body["root"] != root or members != expected.members[root]
                or body["status"] != expected.status(root)
                or not same_fields(body["fields"], expected.fields(root))):
            report.add("wrong", f"query of {name}: {body}")


def crash_under_load(args, bootstrap, work, instance, records):
    # So slow that the load still runs at the last kill.
    rate = max(1, int(records / (args.kills * args.kill_interval_s * 0.6)))
    files = ["--changes", str(args.changes), "--merges", str(args.merges)]
    load = subprocess.Popen(
        [str(args.bin / "crm_workload"), "registry", "--bootstrap.servers", bootstrap, "--rate",
         str(rate), "--partitions", "4"] + files,
        stdout=open(work / "workload.log", "wb"), stderr=subprocess.STDOUT)
    chance = random.Random(args.seed)
    for number in range(args.kills):
        time.sleep(chance.uniform(0.3, args.kill_interval_s))
        instance.kill()
        print(f"kill={number + 1} loading={'yes' if load.poll() is None else 'no'}", flush=True)
        instance.start()
    if load.wait(DRAIN_TIMEOUT_S) != 0:
        raise RuntimeError("the workload failed, see its log")


def run(args, bootstrap, work):
    expected = Expected(args.changes, args.merges)
    instance = Instance(args, bootstrap, work)
    try:
        crash_under_load(args, bootstrap, work, instance, expected.records)
        instance.wait_caught_up()
        report = Report()
        states = dump(args, bootstrap, "crm.account-state", False)
        redirects = dump(args, bootstrap, "crm.redirects", False)
        conflicts = dump(args, bootstrap, "crm.conflicts", False)
        check_redirects(expected, dump(args, bootstrap, "crm.redirects", True), report)
        check_states(expected, dump(args, bootstrap, "crm.account-state", True), report)
        check_logs(states, redirects, conflicts, expected, report)
        check_queries(expected, instance, report)
        if (code := instance.stop()) != 0:
            report.add("wrong", f"an orderly stop exits with {code}")
    finally:
        if instance.process.poll() is None:
            instance.kill()
    counts = report.counts
    print(f"faults={args.kills} ids={len(expected.ids)} records={len(states)} "
          f"lost={counts['lost']} doubled={counts['doubled']} wrong={counts['wrong']}", flush=True)
    return 0 if not counts else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--kafka", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True,
                        help="overridden by MILLRACE_REGISTRY_DATA, the folder of a larger history")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--kill-interval-s", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.data = Path(os.environ.get("MILLRACE_REGISTRY_DATA", args.data))
    args.changes = next(args.data.glob("*.jsonl.gz"))
    args.merges = next(args.data.glob("*merges.csv"))

    work = Path(tempfile.mkdtemp(prefix="millrace-crash-"))
    port = free_port()
    kafka = [str(args.kafka)]
    where = ["--port", str(port), "--dir", str(work / "kafka")]
    subprocess.run(kafka + ["start"] + where, check=True, timeout=180)
    code = 1
    try:
        code = run(args, f"127.0.0.1:{port}", work)
    finally:
        subprocess.run(kafka + ["wipe"] + where, check=False, timeout=60)
        if code == 0:
            shutil.rmtree(work)
        else:
            print(f"logs are in {work}", file=sys.stderr)
    return code


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
