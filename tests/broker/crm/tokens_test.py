#!/usr/bin/env python3
"""Writes account changes to a raw topic of a real Kafka and reads them back from three instances of
crm_materializer, over TLS, while one is killed and one is frozen.

Each writer makes a token of each acknowledgement and reads with it, from any instance, the account
by its id or by the index of its name: the answer has to have what he wrote. He reads again with the
position of that answer, from any instance: the second answer must not be older. A scanner reads all
accounts, page by page, each page with the tokens of all writes that were acknowledged when the scan
began: no account may be missing, or older than that. Errors may only be a 503, or nobody who
answers where an instance is down. Afterwards every account has its last version, and a page of rows
names a position for each part.

    tokens_test.py --bin DIR --kafka apps/kafka/local_kafka.sh
"""

import random
import signal
import ssl
import subprocess
import sys
import threading
import time

from arguments import parser_of
from compare import Report
from process import Instance, wait_shared, with_kafka
from raw_accounts import RAW, options_for, send, sf_id

APPLICATION = "crm-tokens"
PARTITIONS = 4
INSTANCES = 3
WRITERS = 2
ACCOUNTS_OF_WRITER = 5
CALM_S = 3
DOWN_S = 8
# Of the answers in each phase; those of a dead or frozen instance are missing.
ANSWERED_MIN = 5
PATIENCE_S = 60
"""A slow machine needs longer for so many."""


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
        send(self.world.bootstrap, self.partition, number, version)
        self.versions[number] = version
        self.offset += 1
        return self.offset - 1

    def read(self, number, position):
        """Version and position of an answer; None: nobody answered."""
        answer = self.world.ask(self.random,
                                f"/v1/accounts/sf:{sf_id(number)}?min_position={position}")
        if answer is None:
            return None
        body, headers = answer
        return int(body["fields"]["name"]), headers["Millrace-Position"]

    def find(self, number, position):
        """The same by the index of the name."""
        version = self.versions[number]
        answer = self.world.ask(self.random, "/v1/accounts?index=by-field.name&limit=1000"
                                f"&value={version}&min_position={position}")
        if answer is None:
            return None
        body, headers = answer
        found = {account["root"]: account["fields"]["name"] for account in body["accounts"]}
        if set(found.values()) - {str(version)}:
            self.world.report.add("wrong", f"the index finds {found} by {version}")
        is_found = f"sf:{sf_id(number)}" in found
        return version if is_found else 0, headers["Millrace-Position"]

    def step(self):
        number = self.partition * ACCOUNTS_OF_WRITER + self.random.randrange(ACCOUNTS_OF_WRITER)
        offset = self.write(number)
        token = f"{RAW}:{self.partition}:{offset + 1}"
        self.world.acknowledge(number, self.versions[number], token)
        first = self.random.choice([self.read, self.find])(number, token)
        if first is None:
            return
        if first[0] < self.versions[number]:
            self.world.report.add(
                "wrong", f"account {number}: wrote version {self.versions[number]}, read {first}")
        second = self.read(number, first[1])
        if second is not None and second[0] < first[0]:
            self.world.report.add("wrong", f"account {number}: {second} after {first}")


class Scanner(threading.Thread):
    """Reads all accounts by the index of their members, as old as the writes acknowledged then."""

    def __init__(self, world):
        super().__init__()
        self.world, self.random = world, random.Random(0)
        self.scans = 0
        self.failure = None

    def run(self):
        try:
            while not self.world.is_over.is_set():
                self.scan()
                time.sleep(0.05)
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def scan(self):
        wanted, position = self.world.acknowledged()
        if not wanted:
            return
        found, page = {}, ""
        while page is not None:
            answer = self.world.ask(
                self.random, f"/v1/accounts?index=by-members&limit=4&min_position={position}"
                + (f"&page={page}" if page else ""))
            if answer is None:
                return
            body = answer[0]
            for account in body["accounts"]:
                if account["root"] in found:
                    self.world.report.add("wrong", f"a scan has {account['root']} twice")
                found[account["root"]] = int(account["fields"]["name"])
            page = body["next"]
        self.scans += 1
        for number, version in wanted.items():
            if found.get(f"sf:{sf_id(number)}", 0) < version:
                self.world.report.add("wrong", f"a scan as of {position} has {found}, and account "
                                      f"{number} was at {version}")


class World:
    def __init__(self, args, bootstrap, work):
        self.bootstrap, self.work, self.report = bootstrap, work, Report()
        self.is_over, self.lock = threading.Event(), threading.Lock()
        self.counts, self.acknowledgements, self.tokens = {}, {}, {}
        self.phase, self.frozen = "", None
        certificate, key = self.make_certificate()
        options = [*options_for(work, PARTITIONS), "--crm.index.fields", "name",
                   "--standby.replicas", "1", "--query.tls.certificate.file", str(certificate),
                   "--query.tls.key.file", str(key), "--query.tls.authority.file",
                   str(certificate)]
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

    def acknowledge(self, number, version, token):
        with self.lock:
            self.acknowledgements[number] = version
            self.tokens[token.rsplit(":", 1)[0]] = token

    def acknowledged(self):
        """The versions of all accounts, and a position that includes them."""
        with self.lock:
            return dict(self.acknowledgements), ",".join(self.tokens.values())

    def ask(self, chooser, path):
        """Body and headers of an answer of any instance; None: nobody answered."""
        instance = chooser.choice(self.instances)
        try:
            status, body, headers = instance.ask(
                path, timeout_s=0.5 if instance is self.frozen else 4)
        except OSError:
            self.count("unreachable")
            return None
        if status == 503:
            if headers["Retry-After"] is None:
                self.report.add("wrong", "a 503 without Retry-After")
            self.count("unavailable")
            return None
        if status != 200:
            self.report.add("wrong", f"{path}: {status} {body}")
            return None
        self.count("answered")
        return body, headers

    def stay(self, seconds):
        """In this phase for so long, and until it has enough answers."""
        time.sleep(seconds)
        end = time.monotonic() + PATIENCE_S
        while self.counts.get((self.phase, "answered"), 0) < ANSWERED_MIN:
            if time.monotonic() > end:
                return  # the report says so
            time.sleep(0.1)

    def disturb(self, scanner):
        killed, frozen = self.instances[2], self.instances[1]
        self.phase = "calm"
        self.stay(CALM_S)
        self.phase = "killed"
        killed.kill()
        self.stay(DOWN_S)
        killed.start()
        self.phase = "restarted"
        self.stay(CALM_S)
        self.phase = "frozen"
        self.frozen = frozen  # it is asked like the others, but not waited for
        frozen.process.send_signal(signal.SIGSTOP)
        try:
            self.stay(DOWN_S)
        finally:
            frozen.process.send_signal(signal.SIGCONT)
            self.frozen = None
        self.phase = "thawed"
        self.stay(CALM_S)
        end = time.monotonic() + PATIENCE_S
        while scanner.scans < ANSWERED_MIN and time.monotonic() < end:
            time.sleep(0.1)


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
        scanner = Scanner(world)
        for thread in [*writers, scanner]:
            thread.start()
        try:
            world.disturb(scanner)
        finally:
            world.is_over.set()
            for thread in [*writers, scanner]:
                thread.join(60)
        for thread in [*writers, scanner]:
            if thread.failure is not None:
                raise thread.failure
        if scanner.scans < ANSWERED_MIN:
            world.report.add("lost", f"only {scanner.scans} whole scans")
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
    print(f"writes={sum(writer.offset for writer in writers)} scans={scanner.scans} "
          f"lost={counts['lost']} wrong={counts['wrong']}", flush=True)
    return 0 if not counts else 1


def main():
    args = parser_of(__doc__).parse_args()
    return with_kafka(args.kafka, "tokens", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
