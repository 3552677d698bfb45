#!/usr/bin/env python3
"""Two sinks share the output topics, and a rival writes the same ones, while sinks and database are
killed and frozen: at the end the tables must be what the topics hold, rows and versions, and never
half on the way.

    sink_test.py --bin DIR --kafka apps/kafka/local_kafka.sh [--seconds N] [--accounts N] [--seed N]
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "crm"))

# pylint: disable=wrong-import-position
from compare import Report, dump, same_text  # noqa: E402
from process import free_port, load, with_kafka  # noqa: E402
from sink_records import ROUND_RECORDS, TOPICS, Records  # noqa: E402
from sources import Postgres  # noqa: E402

SETTLE_TIMEOUT_S = 100
LOOKS_MIN = 3
STOP_TIMEOUT_S = 30
PARTITIONS = 4
SECRET = "not-for-logs"
LETTERS = "millrace-sink-dead-letters"
MAPPING = {"topics": {"raw": {"format": "debezium", "source": "a", "entities": {"t": {
    "type": "account", "id": "id", "fields": {
        "name": {"name": "name", "type": "text"},
        "revenue": {"name": "revenue", "type": "decimal"},
        "since": {"name": "since", "type": "date"}}}}}}}


class Sink:
    """A process of `millrace sink postgres`."""

    def __init__(self, world, name, *more):
        self.command = world.command(*more)
        self.log = open(world.work / f"{name}.log", "ab")
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)

    def stop(self):
        self.process.terminate()
        return self.process.wait(STOP_TIMEOUT_S)


class Reader(threading.Thread):
    """Looks at the tables all the time: no account is half there, and no version goes back."""

    HALF = """
        SELECT 'half', root FROM crm.accounts a
        WHERE members <> (SELECT count(*) FROM crm.account_members m WHERE m.root = a.root)
        UNION ALL SELECT 'half', root || feature FROM crm.entitlements e WHERE segments <>
          (SELECT count(*) FROM crm.entitlement_segments s
           WHERE (s.root, s.feature) = (e.root, e.feature))
        UNION ALL SELECT 'orphan', root FROM crm.account_members
        WHERE root NOT IN (SELECT root FROM crm.accounts)"""

    def __init__(self, world):
        super().__init__()
        self.world, self.looks, self.versions = world, 0, {}
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(0.3):
            try:
                half = self.world.database.sql(self.HALF + ";")
                rows = self.world.database.sql("SELECT root, version FROM crm.accounts;")
            except RuntimeError:
                continue  # the database is away, or the tables are not there yet
            for line in half:
                self.world.report.add("half", line)
            for root, version in (line.rsplit("|", 1) for line in rows):
                if int(version) < self.versions.get(root, 0):
                    self.world.report.add("back", f"{root} from {self.versions[root]} to {version}")
                self.versions[root] = int(version)
            self.looks += 1


class World:
    def __init__(self, args, bootstrap, work):
        self.args, self.bootstrap, self.work = args, bootstrap, work
        self.report = Report()
        self.database = Postgres(free_port(), bootstrap)
        self.records = Records(random.Random(args.seed), args.accounts)
        (work / "mapping.json").write_text(json.dumps(MAPPING), encoding="utf-8")

    def command(self, *more, url=None):
        url = url or f"postgresql://millrace@127.0.0.1:{self.database.port}/millrace"
        return [str(self.args.bin / "millrace"), "sink", "postgres", "--bootstrap.servers",
                self.bootstrap, "--kafka.consumer.session.timeout.ms", "2000",
                "--database-url", url, "--mapping", str(self.work / "mapping.json"),
                "--batch-records", "500", *more]

    def wrong(self, text):
        self.report.add("wrong", text)

    def create_topics(self):
        for topic in TOPICS:
            policy = "delete" if topic == "crm.conflicts" else "compact"
            subprocess.run([str(self.args.bin / "millrace"), "topic", "create", "--topic", topic,
                            "--bootstrap.servers", self.bootstrap, "--partitions", str(PARTITIONS),
                            "--set", f"cleanup.policy={policy}"], check=True, timeout=60)

    def send(self, records):
        for topic in TOPICS:
            pairs = [(key, value) for name, key, value in records if name == topic]
            if pairs:
                load(self.args.bin, self.bootstrap, topic, pairs)

    def send_garbage(self):
        subprocess.run(["kcat", "-P", "-b", self.bootstrap, "-t", "crm.account-state", "-p", "0",
                        "-K", "|"], input=b"bad:1|no table\n", check=True, timeout=30)

    def once(self, *more, url=None):
        """A sink that ends by itself: its exit code and its log."""
        done = subprocess.run(self.command("--once", *more, url=url), capture_output=True,
                              text=True, check=False, timeout=SETTLE_TIMEOUT_S)
        return done.returncode, done.stdout + done.stderr


def tables_of(world):
    """Rows by key, as the topics would have them."""
    rows = {}
    for topic, table in TOPICS.items():
        lines = world.database.sql(f"SELECT row_to_json(t) FROM crm.{table} t;")
        rows[topic] = [json.loads(line) for line in lines]
    return rows


def key_of(topic, row):
    if topic == "crm.conflicts":
        return f"{row['kafka_partition']}@{row['kafka_offset']}"
    second = {"crm.account-territories": "territory", "crm.entitlements": "feature"}.get(topic)
    first = row["id"] if topic == "crm.redirects" else row["root"]
    return f"{first}\0{row[second]}" if second else first


def wanted_of(world, dead):
    """The last record of each key by topic, tombstones and dead letters aside."""
    wanted = {}
    for topic in TOPICS:
        latest = {}
        for line in dump(world.args.bin, world.bootstrap, topic):
            position = f"{line['partition']}@{line['offset']}"
            key = position if topic == "crm.conflicts" else line["key"]
            if (topic, line["partition"], line["offset"]) in dead:
                continue
            latest[key] = line
        wanted[topic] = {key: line for key, line in latest.items() if line["value"] is not None}
    return wanted


def faults_of_account(row, value):
    fields = {field["name"]: field.get("value") for field in value.get("fields") or []}
    if row["version"] != value["version"] or row["status"] != value["status"]:
        yield f"version {row['version']} {row['status']}"
    if row["fields"] != fields:
        yield f"fields {row['fields']}"
    for name in ("name", "revenue", "since"):
        have = row[f"field_{name}"]
        if not same_text(None if have is None else str(have), fields.get(name)):
            yield f"field_{name} {have}"


def differences(world, dead):
    found, wanted = tables_of(world), wanted_of(world, dead)
    members = {}
    for line in world.database.sql("SELECT root, member FROM crm.account_members;"):
        root, member = line.split("|")
        members.setdefault(root, set()).add(member)
    wrong = []
    for topic in TOPICS:
        have = {key_of(topic, row): row for row in found[topic]}
        wrong += [f"{topic}: {key!r} is {'missing' if key in wanted[topic] else 'left over'}"
                  for key in have.keys() ^ wanted[topic].keys()]
        for key in have.keys() & wanted[topic].keys():
            row, line = have[key], wanted[topic][key]
            place = (row["kafka_partition"], row["kafka_offset"])
            if place != (line["partition"], line["offset"]):
                wrong.append(f"{topic}: {key!r} is of {place}, not {line['offset']}")
            elif topic == "crm.account-state":
                wrong += [f"{key}: {fault}" for fault in faults_of_account(row, line["value"])]
                if members[key] != {member["id"] for member in line["value"]["members"]}:
                    wrong.append(f"{key}: members {members[key]}")
            elif topic == "crm.entitlements" and row["version"] != line["value"]["version"]:
                wrong.append(f"{key!r}: version {row['version']}")
    return wrong, sum(map(len, wanted.values()))


def dead_letters(world):
    letters = [line["dead_letter"] for line in dump(
        world.args.bin, world.bootstrap, LETTERS, reveal=True)]
    return {(each["topic"], each["partition"], each["offset"]): each for each in letters}


def settle(world, what):
    begin, wrong = time.monotonic(), ["not looked yet"]
    while wrong and time.monotonic() < begin + SETTLE_TIMEOUT_S:
        dead = dead_letters(world)
        wrong, keys = differences(world, dead)
        time.sleep(0.2)
    for text in wrong:
        world.wrong(f"{what}: {text}")
    print(f"{what}: keys={keys} dead_letters={len(dead)} wrong={len(wrong)} "
          f"after {time.monotonic() - begin:.1f} s", flush=True)
    return dead


def first_load(world):
    world.send(world.records.first())
    begin = time.monotonic()
    code, log = world.once()
    took = time.monotonic() - begin
    if code != 0:
        world.wrong(f"the first load exits with {code}: {log}")
    print(f"first load: {took:.1f} s, {log.strip().splitlines()[-1]}", flush=True)
    # The table of a user who allows less than we send.
    world.database.sql("ALTER TABLE crm.accounts ADD CHECK (field_name <> 'poison');")
    settle(world, "first load")


def kills(world):
    """Changes all the time, while everything that can break does."""
    # The third is of another group, so it has the partitions of the other two all the time.
    sinks = [Sink(world, "a"), Sink(world, "b"),
             Sink(world, "rival", "--application.id", "rival", "--dead.letter.topic", LETTERS)]
    reader = Reader(world)
    reader.start()
    steps = [lambda: sinks[0].kill(), lambda: sinks[0].start(),
             lambda: world.database.do("kill"), lambda: world.database.do("start"),
             lambda: sinks[1].signal(signal.SIGSTOP), world.send_garbage,
             lambda: sinks[1].signal(signal.SIGCONT), lambda: sinks[1].kill(),
             lambda: sinks[1].start()]
    begin = time.monotonic()
    pause = world.args.seconds / (len(steps) + 1)
    rounds, poison = 0, []
    while steps or time.monotonic() < begin + world.args.seconds:
        if steps and time.monotonic() > begin + pause * (10 - len(steps)):
            steps.pop(0)()
        poison.append(world.records.poison(rounds))
        world.send(world.records.round() + [poison[-1]])
        rounds += 1
    print(f"rounds={rounds} records={rounds * ROUND_RECORDS}", flush=True)
    dead = settle(world, "kills")
    reader.stopped.set()
    reader.join()
    print(f"looks while it ran: {reader.looks}", flush=True)
    if reader.looks < LOOKS_MIN:
        world.report.add("unseen", f"only {reader.looks} looks while it ran")
    keys = {letter.get("key") for letter in dead.values()}
    for key in [key for _, key, _ in poison] + ["bad:1"]:
        if key not in keys:
            world.wrong(f"no dead letter of {key}")
    for sink in sinks:
        if (code := sink.stop()) != 0:
            world.wrong(f"an orderly stop exits with {code}")
    if not any("another sink has moved" in (world.work / f"{name}.log").read_text()
               for name in ("a", "b", "rival")):
        world.wrong("no sink ever found its positions moved")


def again(world):
    """Read once more from the beginning: no row changes."""
    stamps = "SELECT md5(string_agg(xmin::text || root, ',' ORDER BY root)) FROM crm.accounts;"
    before = world.database.sql(stamps)
    world.database.sql("DELETE FROM crm.sink_positions;")
    code, log = world.once("--application.id", "millrace-sink-again")
    if code != 0:
        world.wrong(f"a second reading exits with {code}: {log}")
    if world.database.sql(stamps) != before:
        world.wrong("a second reading changes rows")
    settle(world, "read again")


def wrong_tables(world):
    """The message mends the table, and no message has the password."""
    world.database.sql("ALTER TABLE crm.accounts ALTER COLUMN version TYPE text, "
                       "DROP COLUMN event_time;")
    code, log = world.once()
    statements = [line for line in log.splitlines() if line.startswith("ALTER TABLE")]
    if code != 2 or len(statements) != 2:
        world.wrong(f"tables that do not fit: exit code {code}, {log}")
    world.database.sql("\n".join(statements))
    if world.once()[0] != 0:
        world.wrong("the statements do not mend the tables")
    url = f"postgresql://millrace:{SECRET}@127.0.0.1:{world.database.port}/millrace"
    code, log = world.once(url=url)
    if code != 2 or SECRET in log:
        world.wrong(f"a password on the command line: exit code {code}")


def run(args, bootstrap, work):
    world = World(args, bootstrap, work)
    try:
        world.database.do("start")
        world.create_topics()
        for step in (first_load, kills, again, wrong_tables):
            step(world)
    finally:
        world.database.do("wipe")
        for process in work.glob("*.log"):
            if SECRET in process.read_text(errors="replace"):
                world.wrong(f"{process.name} has the password")
    print(f"wrong={sum(world.report.counts.values())}", flush=True)
    return 1 if world.report.counts else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--kafka", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=12, help="how long things break")
    parser.add_argument("--accounts", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.environ.pop("PGPASSWORD", None)
    return with_kafka(args.kafka, "sink", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
