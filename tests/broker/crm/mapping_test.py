#!/usr/bin/env python3
"""Writes first mappings of what real connectors sent, checks them, and runs crm_materializer by
them, on a real Kafka: by a right mapping without findings, and by a wrong one, whose faults the
check, the log and GET /v1/mapping have to name.

    mapping_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --data DIR
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from arguments import parser_of
from compare import Report
from process import DRAIN_TIMEOUT_S, Instance, with_kafka

# Of the events' persons; no output may have them.
HIDDEN = ["example.com", "example.org", "+49 30", "+1 555", "Okafor", "First300", "Müller",
          "line one"]
TIMEOUT_S = 120


class World:
    def __init__(self, args, bootstrap, work):
        self.bin, self.data, self.bootstrap, self.work = args.bin, args.data, bootstrap, work
        self.report = Report()

    def millrace(self, *arguments, text=None):
        command = [str(self.bin / "millrace"), *arguments, "--bootstrap.servers", self.bootstrap]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False,
                              timeout=TIMEOUT_S)

    def expect(self, what, found, expected):
        if found != expected:
            self.report.add("wrong", f"{what}: {found!r}, expected {expected!r}")

    def expect_in(self, what, part, text):
        if part not in text:
            self.report.add("wrong", f"{what}: no {part!r} in {text!r}")

    def expect_hidden(self, what, text):
        for value in HIDDEN:
            if value in text:
                self.report.add("wrong", f"{what} shows {value!r}")

    def load(self, topic, partitions=2):
        """The events of the file of this name, keyed as Debezium keys them."""
        self.expect(f"creating {topic}", self.millrace(
            "topic", "create", "--topic", topic, "--partitions", str(partitions)).returncode, 0)
        lines = []
        for value in (self.data / f"{topic}.jsonl").read_text(encoding="utf-8").splitlines():
            event = json.loads(value)
            event = event.get("payload", event)
            row = event.get("after") or event.get("before") or {}
            lines.append(json.dumps({"key": json.dumps({"id": row.get("id")}), "value": value}))
        loaded = self.millrace("topic", "load", "--topic", topic, text="\n".join(lines) + "\n")
        self.expect(f"loading {topic}", loaded.returncode, 0)

    def draft(self, name, *arguments):
        drafted = self.millrace("mapping", *arguments)
        self.expect(f"{name}: exit code", drafted.returncode, 0)
        self.expect_hidden(name, drafted.stdout + drafted.stderr)
        file = self.work / f"{name}.json"
        file.write_text(drafted.stdout, encoding="utf-8")
        print(drafted.stderr, end="", flush=True)
        return file

    def check(self, name, file, code):
        checked = self.millrace("mapping", "check", "--mapping", str(file))
        self.expect(f"check of {name}: exit code", checked.returncode, code)
        self.expect_hidden(f"check of {name}", checked.stdout + checked.stderr)
        print(checked.stdout, end="", flush=True)
        return checked.stdout

    def run_job(self, name, file, look):
        """A materializer of its own outputs until `look` has seen enough; returns its log."""
        instance = Instance(self.bin, self.bootstrap, self.work, name,
                            ["--crm.mapping", str(file), "--crm.output.prefix", f"{name}."])
        try:
            instance.wait_caught_up()
            look(instance)
            self.wait_checked(name)
            self.expect(f"{name}: exit code", instance.stop(), 0)
        finally:
            if instance.process.poll() is None:
                instance.kill()
        log = self.log_of(name)
        self.expect_hidden(f"log of {name}", log)
        return log

    def log_of(self, name):
        return (self.work / f"{name}.log").read_text(encoding="utf-8")

    def wait_checked(self, name):
        end = time.monotonic() + DRAIN_TIMEOUT_S
        while "mapping checked" not in self.log_of(name):
            if time.monotonic() > end:
                raise RuntimeError("the check at the start did not end, see the log")
            time.sleep(0.2)


def right_mapping(world):
    file = world.draft("debezium", "from-debezium", "--topic", "cdc.crm.*")
    world.expect_in("check", "problems=0", world.check("the draft", file, 0))

    def look(instance):
        _, account = instance.get("/v1/accounts/cdc:1300")
        world.expect("status", account.get("status"), "Active")
        world.expect("e-mail", account["fields"].get("email"), "***")
        world.expect("type", account["field_types"].get("annual_revenue"), "decimal")
        _, answer = instance.get("/v1/mapping")
        world.expect("silent topics", answer["silent_topics"], [])
        absent = [field for topic in answer["topics"] for entity in topic["entities"]
                  for field in entity["absent_fields"]]
        world.expect("absent fields", absent, [])
        world.expect_hidden("/v1/mapping", json.dumps(answer, ensure_ascii=False))

    log = world.run_job("right", file, look)
    world.expect_in("log", "mapping checked topics=4 problems=0", log)


def wrong_mapping(world):
    file = world.work / "wrong.json"
    file.write_text(json.dumps({"topics": {
        "cdc.crm.account": {"format": "debezium", "source": "cdc", "entities": {"crm.account": {
            "type": "account", "id": "id", "fields": {
                "nmae": "name", "notes": {"name": "notes", "type": "decimal", "personal": True}}}}},
        "cdc.crm.contact": {"format": "debezium", "source": "cdc", "entities": {"crm.contacts": {
            "type": "contact", "id": "id", "parent": "account_id",
            "fields": {"account_id": "account_id"}}}},
        "cdc.crm.empty": {"format": "debezium", "source": "cdc", "entities": {"crm.empty": {
            "type": "account", "id": "id"}}}}}), encoding="utf-8")
    missing = world.check("the wrong mapping", file, 1)
    world.expect_in("check", "problem: cdc.crm.empty: there is no such topic", missing)
    findings = ["crm.account nmae: never seen in", "is it 'name'?", "crm.account notes: ",
                "but 2 are of 'crm.contact'", "crm.account email: not mapped, and kept unmasked"]
    for finding in findings:
        world.expect_in("check", finding, missing)

    def look(instance):
        _, answer = instance.get("/v1/mapping")
        account, contact, _ = answer["topics"]
        world.expect("silent topics", answer["silent_topics"], ["cdc.crm.empty"])
        world.expect("absent", account["entities"][0]["absent_fields"], ["nmae"])
        world.expect("misspelt", [one["entity"] for one in contact["unknown_entities"]],
                     ["crm.contact"])
        notes = account["entities"][0]["fields"][1]
        world.expect("refused", (notes["field"], notes["refused"] > 0), ("notes", True))
        world.expect_hidden("/v1/mapping", json.dumps(answer, ensure_ascii=False))

    log = world.run_job("wrong", file, look)
    for part in ["mapping check topic=cdc.crm.account entity=crm.account field=nmae",
                 "mapping check topic=cdc.crm.contact entity=crm.contacts",
                 "mapping check topic=cdc.crm.empty"]:
        world.expect_in("log", part, log)


def salesforce_mapping(world):
    file = world.draft("salesforce", "from-salesforce", "--topic", "crm.raw.sfp")
    world.expect_in("check", "problems=0", world.check("Salesforce's draft", file, 0))
    drafted = world.millrace("mapping", "from-debezium", "--topic", "crm.raw.sfp")
    world.expect("wrong format: exit code", drafted.returncode, 2)
    world.expect_in("wrong format", "nothing can be mapped yet", drafted.stderr)


def run(args, bootstrap, work):
    world = World(args, bootstrap, work)
    for table in ("account", "contact", "opportunity", "contract"):
        world.load(f"cdc.crm.{table}")
    world.load("crm.raw.sfp", partitions=1)
    right_mapping(world)
    wrong_mapping(world)
    salesforce_mapping(world)
    print(f"wrong={world.report.counts['wrong']}", flush=True)
    return 0 if not world.report.counts else 1


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    return with_kafka(args.kafka, "mapping", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
