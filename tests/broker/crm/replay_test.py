#!/usr/bin/env python3
"""Rebuilds what crm_materializer writes into a shadow beside the live topics on a real Kafka, and
compares both with `millrace replay compare`: a shadow with the same mapping is equal, although it
was killed by SIGKILL while it caught up and live traffic continued; one with another mapping
differs in the fields whose mapping changed, and in no other.

    replay_test.py --bin DIR --kafka apps/kafka/local_kafka.sh
"""

import json
import subprocess
import sys
import time

from arguments import parser_of
from compare import Report, dump
from process import Instance, load, with_kafka

ACCOUNTS = 400
MERGES = 60
RAW = "crm.raw.sf"
SECRET = "secret.example"
KILL_AFTER_S = 0.2


def mapping(website):
    return {"topics": {RAW: {"format": "salesforce_cometd", "source": "sf", "entities": {
        "Account": {"type": "account", "fields": {"Name": "name", "City": "city",
                                                  "Website": website}},
        "Entitlement": {"type": "entitlement", "parent": "AccountId", "fields": {
            "AccountId": "account", "Product": "product", "Quantity": "quantity",
            "EndDate": "end_date"}}}}}}


def write_mapping(path, website):
    path.write_text(json.dumps(mapping(website)), encoding="utf-8")
    return path


def sf_id(prefix, number):
    """Of digits only, so the suffix says that no letter is upper-case."""
    return f"{prefix}{number:012d}AAA"


def event(entity, name, version, fields):
    """A record of the raw topic."""
    return None, {"ChangeEventHeader": {
        "entityName": entity, "recordIds": [name], "changeType": "CREATE" if version == 1 else
        "UPDATE", "transactionKey": f"t-{name}-{version}", "sequenceNumber": 1,
        "commitTimestamp": 1_700_000_000_000 + version}, **fields}


def account(number, version=1):
    city = ("Paris", "Berlin", "Oslo")[(number + version) % 3]
    return event("Account", sf_id("001", number), version,
                 {"Name": f"Account {number} v{version}", "City": city,
                  "Website": f"{SECRET}/{number}"})


def entitlement(number):
    return event("Entitlement", sf_id("550", number), 1,
                 {"AccountId": sf_id("001", number), "Product": "P1", "Quantity": str(number + 1),
                  "EndDate": "2020-12-31" if number % 5 == 0 else "2999-12-31"})


def merge(number):
    """Chains and fan-in among the first accounts."""
    victim, survivor = (f"sf:{sf_id('001', n)}" for n in (number, number + 1 + number % 7))
    return victim, {"victim": victim, "kind": "Merge", "survivor": survivor,
                    "version": {"commit_timestamp_ms": 1_700_000_100_000 + number}}


def definitions():
    yield "crm.product-features", [("P1", {"product": "P1", "terms": [
        {"feature": "seats", "kind": "QuantitySum", "amount": 2, "per_unit": True},
        {"feature": "support", "kind": "Boolean", "grace_days": 3}]})]
    yield "crm.territory-models", [("m:1", {"id": "m:1", "state": "Active", "activated_ms": 1})]
    yield "crm.territories", [(f"t:{name}", {"id": f"t:{name}", "model": "m:1"})
                              for name in ("paris", "north")]
    yield "crm.territory-rules", [
        (f"r:{name}", {"id": f"r:{name}", "items": [
            {"field": "city", "operator": "Equals", "values": cities}]})
        for name, cities in (("paris", "Paris"), ("north", "Berlin,Oslo"))]
    yield "crm.rule-territories", [
        (f"a:{name}", {"id": f"a:{name}", "rule": f"r:{name}", "territory": f"t:{name}"})
        for name in ("paris", "north")]


class World:
    def __init__(self, args, bootstrap, work):
        self.bin, self.bootstrap, self.work = args.bin, bootstrap, work
        self.report = Report()
        self.mapping = write_mapping(work / "mapping.json", {"name": "website", "personal": True})
        self.instances = []

    def start(self, name, mapping_file, prefix="crm."):
        instance = Instance(self.bin, self.bootstrap, self.work, name, [
            "--crm.mapping", str(mapping_file), "--crm.output.prefix", prefix])
        self.instances.append(instance)
        return instance

    def load(self, topic, records):
        load(self.bin, self.bootstrap, topic, records)

    def compare(self, prefix, *options):
        """Exit code, the lines about keys, and the summary."""
        done = subprocess.run(
            [str(self.bin / "millrace"), "replay", "compare", "--bootstrap.servers",
             self.bootstrap, "--shadow.crm.output.prefix", prefix, "--limit", "0", "--pause-ms",
             "500", *options], capture_output=True, timeout=120, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"replay compare ends with {done.returncode}: {done.stderr}")
        *lines, summary = [json.loads(line) for line in done.stdout.splitlines()]
        print(f"{prefix} {' '.join(options)}: {summary}", flush=True)
        return done.returncode, lines, summary

    def expect(self, is_true, what):
        if not is_true:
            self.report.add("wrong", what)


def check_same(world, live):
    """A shadow of the same mapping, killed while it catches up."""
    shadow = world.start("crm-next", world.mapping, "crm.next.")
    shadow.wait_running()
    time.sleep(KILL_AFTER_S)
    shadow.kill()
    shadow.start()
    world.load(RAW, [account(number, 2) for number in range(0, ACCOUNTS, 9)])
    shadow.wait_caught_up()
    live.wait_caught_up()
    code, lines, summary = world.compare("crm.next.")
    world.expect(code == 0 and not lines, f"the same mapping gives {lines[:3]}")
    world.expect(summary["topics"] == 4 and summary["keys"] > 2 * ACCOUNTS, f"{summary}")
    for number in range(0, ACCOUNTS, 20):
        answers = [instance.get(f"/v1/accounts/sf:{sf_id('001', number)}")[1]
                   for instance in (live, shadow)]
        for answer in answers:
            for name in ("version", "position", "freshness_ms"):
                answer.pop(name)
            for territory in answer["territories"]:
                territory.pop("alignment_epoch")
            for feature in (answer["entitlements"] or {}).values():
                feature.pop("version", None)
                feature.pop("as_of_ms", None)
        world.expect(answers[0] == answers[1], f"answers differ: {answers}")
    return shadow


def check_changed(world):
    """A shadow that leaves out a field that live has."""
    other = write_mapping(world.work / "other.json", None)
    shadow = world.start("crm-changed", other, "crm.changed.")
    shadow.wait_caught_up()
    code, lines, summary = world.compare("crm.changed.", "--mapping", str(world.mapping))
    fields = {difference["field"] for line in lines for difference in line["differences"]}
    world.expect(code == 1, "another mapping makes no difference")
    world.expect({line["topic"] for line in lines} == {"crm.account-state"}, f"{lines[:3]}")
    world.expect({field.rsplit(".", 1)[0] for field in fields if "version" not in field}
                 == {"fields.website"}, f"fields that differ: {fields}")
    world.expect(summary["different"] == len(lines) >= ACCOUNTS - MERGES, f"{summary}")
    world.expect(SECRET not in json.dumps(lines), "personal values are shown")
    _, revealed, _ = world.compare("crm.changed.", "--reveal")
    world.expect(SECRET in json.dumps(revealed), "values are not shown")
    code, lines, _ = world.compare("crm.changed.", "--ignore", "fields.website")
    world.expect(code == 0, f"without the field it is {lines[:3]}")
    shown = dump(world.bin, world.bootstrap, "crm.changed.account-state", latest=True,
                 options=["--crm.output.prefix", "crm.changed."])
    world.expect(all("root" in line["value"] for line in shown), "dump does not know the type")


def run(args, bootstrap, work):
    world = World(args, bootstrap, work)
    try:
        live = world.start("crm-live", world.mapping)
        live.wait_caught_up()
        for topic, records in definitions():
            world.load(topic, records)
        world.load(RAW, [account(number) for number in range(ACCOUNTS)])
        world.load(RAW, [entitlement(number) for number in range(0, ACCOUNTS, 2)])
        world.load("crm.merge-facts", [merge(number) for number in range(MERGES)])
        live.wait_caught_up()
        shadow = check_same(world, live)
        check_changed(world)
        for instance in (live, shadow):
            if (code := instance.stop()) != 0:
                world.report.add("wrong", f"an orderly stop exits with {code}")
    finally:
        for instance in world.instances:
            if instance.process.poll() is None:
                instance.kill()
    print(f"wrong={world.report.counts['wrong']}", flush=True)
    return 0 if not world.report.counts else 1


def main():
    parser = parser_of(__doc__)
    args = parser.parse_args()
    return with_kafka(args.kafka, "replay", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
