#!/usr/bin/env python3
"""Writes account changes to a raw topic of a real Kafka and reads them back from three instances of
crm_materializer, over TLS, while one is killed and one is frozen.

Each writer makes a token of each acknowledgement and reads with it, from any instance: the answer
has to have what he wrote. He reads again with the position of that answer, from any instance: the
second answer must not be older. Errors may only be a 503, or nobody who answers where an instance
is down. Afterwards every account has its last version, and a page of rows names a position for each
part.

    tokens_test.py --bin DIR --kafka apps/kafka/local_kafka.sh
"""

import json
import random
import secrets
import signal
import ssl
import subprocess
import sys
import threading
import time

from arguments import parser_of
from compare import Report
from process import Instance, wait_shared, with_kafka

APPLICATION = "crm-tokens"
RAW = "crm.raw.sf"
PARTITIONS = 4
INSTANCES = 3
WRITERS = 2
ACCOUNTS_OF_WRITER = 5
CALM_S = 3
DOWN_S = 8
# Of the answers in each phase; those of a dead or frozen instance are missing.
ANSWERED_MIN = 5


def sf_id(number):
    """Of digits only, so the suffix says that no letter is upper-case."""
    return f"001{number:012d}AAA"


def event(number, version):
    return {"ChangeEventHeader": {
        "entityName": "Account", "recordIds": [sf_id(number)],
        "changeType": "CREATE" if version == 1 else "UPDATE",
        "transactionKey": f"t-{number}-{version}", "sequenceNumber": 1,
        "commitTimestamp": 1_700_000_000_000 + version}, "Name": str(version)}


class Writer(threading.Thread):
    def __init__(self, world, number):
        super().__init__()
        self.world, self.partition = world, number
        self.random = random.Random(number)
        self.versions = {}
        self.offset = 0
        self.failure = None

    def run(self):
        try:
            while not self.world.is_over.is_set():
                self.step()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def write(self, number):
        """The offset of the acknowledged record: nobody else writes to the partition."""
        version = self.versions.get(number, 0) + 1
        subprocess.run(["kcat", "-P", "-b", self.world.bootstrap, "-t", RAW, "-p",
                        str(self.partition), "-X", "acks=all"],
                       input=json.dumps(event(number, version)).encode(), check=True, timeout=60)
        self.versions[number] = version
        self.offset += 1
        return self.offset - 1

    def read(self, number, position):
        """Version and position of an answer; None: nobody answered."""
        world = self.world
        instance = self.random.choice(world.instances)
        path = f"/v1/accounts/sf:{sf_id(number)}?min_position={position}"
        try:
            status, body, headers = instance.ask(
                path, timeout_s=0.5 if instance is world.frozen else 4)
        except OSError:
            world.count("unreachable")
            return None
        if status == 503:
            if headers["Retry-After"] is None:
                world.report.add("wrong", "a 503 without Retry-After")
            world.count("unavailable")
            return None
        if status != 200:
            world.report.add("wrong", f"{path}: {status} {body}")
            return None
        world.count("answered")
        return int(body["fields"]["name"]), headers["Millrace-Position"]

    def step(self):
        number = self.partition * ACCOUNTS_OF_WRITER + self.random.randrange(ACCOUNTS_OF_WRITER)
        offset = self.write(number)
        token = f"{RAW}:{self.partition}:{offset + 1}"
        if (first := self.read(number, token)) is None:
            return
        if first[0] < self.versions[number]:
            self.world.report.add(
                "wrong", f"account {number}: wrote version {self.versions[number]}, read {first}")
        second = self.read(number, first[1])
        if second is not None and second[0] < first[0]:
            self.world.report.add("wrong", f"account {number}: {second} after {first}")


class World:
    def __init__(self, args, bootstrap, work):
        self.bootstrap, self.work, self.report = bootstrap, work, Report()
        self.is_over, self.lock = threading.Event(), threading.Lock()
        self.counts = {}
        self.phase, self.frozen = "", None
        certificate, key = self.make_certificate()
        peers = work / "peer.key"
        peers.touch(mode=0o600)
        peers.write_text(secrets.token_hex(32), encoding="ascii")
        mapping = work / "mapping.json"
        mapping.write_text(json.dumps({"topics": {RAW: {
            "format": "salesforce_cometd", "source": "sf",
            "entities": {"Account": {"type": "account", "fields": {"Name": "name"}}}}}}),
            encoding="utf-8")
        options = ["--crm.mapping", str(mapping), "--topic.partitions", str(PARTITIONS),
                   "--query.peer.key.file", str(peers), "--standby.replicas", "1",
                   "--query.tls.certificate.file", str(certificate), "--query.tls.key.file",
                   str(key), "--query.tls.authority.file", str(certificate)]
        tls = ssl.create_default_context(cafile=str(certificate))
        self.instances = [
            Instance(args.bin, bootstrap, work, f"{APPLICATION}-{number}", options, APPLICATION,
                     tls) for number in range(INSTANCES)]

    def make_certificate(self):
        files = self.work / "server.pem", self.work / "server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(files[0]),
                        "-keyout", str(files[1])], check=True, capture_output=True, timeout=60)
        files[1].chmod(0o600)
        return files

    def count(self, what):
        with self.lock:
            self.counts[self.phase, what] = self.counts.get((self.phase, what), 0) + 1

    def disturb(self):
        killed, frozen = self.instances[2], self.instances[1]
        self.phase = "calm"
        time.sleep(CALM_S)
        self.phase = "killed"
        killed.kill()
        time.sleep(DOWN_S)
        killed.start()
        self.phase = "restarted"
        time.sleep(CALM_S)
        self.phase = "frozen"
        self.frozen = frozen  # it is asked like the others, but not waited for
        frozen.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(DOWN_S)
        finally:
            frozen.process.send_signal(signal.SIGCONT)
            self.frozen = None
        self.phase = "thawed"
        time.sleep(CALM_S)


def check_end(world, writers):
    for writer in writers:
        for number, version in writer.versions.items():
            for instance in world.instances:
                status, body = instance.get(f"/v1/accounts/sf:{sf_id(number)}")
                if status != 200 or int(body["fields"]["name"]) != version:
                    world.report.add("lost", f"account {number}: {version}, but {status} {body}")
    position = ",".join(f"{RAW}:{writer.partition}:{writer.offset}" for writer in writers)
    for instance in world.instances:
        keys, page = [], ""
        while page is not None:
            status, body = instance.get(
                f"/v1/stores/account-states/rows?limit=3&min_position={position}"
                + (f"&page={page}" if page else ""))
            if status != 200 or len(body["positions"]) != PARTITIONS:
                world.report.add("wrong", f"rows: {status} {body}")
                return
            keys += [row["key"] for row in body["rows"]]
            page = body["next"]
        wanted = sorted(f"sf:{sf_id(number)}" for writer in writers for number in writer.versions)
        if keys != wanted:
            world.report.add("wrong", f"rows of {keys}, not of {wanted}")


def run(args, bootstrap, work):
    world = World(args, bootstrap, work)
    try:
        wait_shared(world.instances)
        writers = [Writer(world, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            world.disturb()
        finally:
            world.is_over.set()
            for writer in writers:
                writer.join(60)
        for writer in writers:
            if writer.failure is not None:
                raise writer.failure
        wait_shared(world.instances)
        check_end(world, writers)
        if any(codes := [instance.stop() for instance in world.instances]):
            world.report.add("wrong", f"orderly stops exit with {codes}")
    finally:
        for instance in world.instances:
            if instance.process.poll() is None:
                instance.kill()
    for phase in ["calm", "killed", "restarted", "frozen", "thawed"]:
        counts = {what: world.counts.get((phase, what), 0)
                  for what in ["answered", "unavailable", "unreachable"]}
        print(phase, counts, flush=True)
        if counts["answered"] < ANSWERED_MIN:
            world.report.add("lost", f"only {counts['answered']} answers while {phase}")
        if phase == "calm" and counts["answered"] != sum(counts.values()):
            world.report.add("lost", f"errors though nothing is wrong: {counts}")
    counts = world.report.counts
    print(f"writes={sum(writer.offset for writer in writers)} lost={counts['lost']} "
          f"wrong={counts['wrong']}", flush=True)
    return 0 if not counts else 1


def main():
    args = parser_of(__doc__).parse_args()
    return with_kafka(args.kafka, "tokens", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
