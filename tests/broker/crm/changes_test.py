#!/usr/bin/env python3
"""Follows accounts by server-sent events from three instances of crm_materializer on a real Kafka,
while their records are written, and one instance is killed and started again.

Each follower reads the stream of one account from some instance, and asks another one from the id
of its last event when the stream ends. It may miss states in between, but each must see the last
version of its account, and none an older version after a newer one. At the end `millrace watch`
prints the same, and a stop ends the streams with `end`.

    changes_test.py --bin DIR --kafka apps/kafka/local_kafka.sh
"""

import http.client
import json
import random
import signal
import subprocess
import sys
import threading
import time

from arguments import parser_of
from compare import Report
from process import Instance, wait_shared, with_kafka
from raw_accounts import options_for, send, sf_id

APPLICATION = "crm-changes"
PARTITIONS = 4
INSTANCES = 3
ACCOUNTS = 6
FOLLOWERS_OF_ACCOUNT = 2
CALM_S = 3
DOWN_S = 8
# Comments come every 15 s.
SILENCE_S = 40
LATE_S = 60
EVENTS_MIN = 3


class Follower(threading.Thread):
    def __init__(self, world, account, number):
        super().__init__(daemon=True)
        self.world, self.account = world, account
        self.random = random.Random(number)
        self.version, self.last_id = 0, None
        self.events, self.streams, self.ends = 0, 0, 0

    def run(self):
        while not self.world.is_over.is_set():
            try:
                self.follow(self.random.choice(self.world.instances))
            except (OSError, http.client.HTTPException):
                pass  # the instance is away, or went
            time.sleep(0.1)

    def follow(self, instance):
        connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=SILENCE_S)
        try:
            headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
            connection.request("GET", f"/v1/accounts/sf:{sf_id(self.account)}/changes",
                               headers=headers)
            answer = connection.getresponse()
            if answer.status == 200:
                self.streams += 1
                self.read(answer)
            elif answer.status != 503:
                self.world.report.add("wrong", f"{answer.status} {answer.read()}")
        finally:
            connection.close()

    def read(self, answer):
        fields = {}
        while line := answer.readline():
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(": ")
                fields[name] = value
            elif "event" in fields:
                self.take(fields)
                fields = {}
            if self.world.is_over.is_set():
                return

    def take(self, fields):
        self.last_id = fields.get("id", self.last_id)
        if fields["event"] in ("end", "cut"):
            self.ends += fields["event"] == "end"
            return
        version = int(json.loads(fields["data"])["fields"]["name"])
        if version < self.version:
            self.world.report.add(
                "wrong", f"account {self.account}: version {version} after {self.version}")
        self.version = version
        self.events += 1


class World:
    def __init__(self, args, bootstrap, work):
        self.args, self.bootstrap, self.report = args, bootstrap, Report()
        self.is_over = threading.Event()
        self.versions = {}
        options = options_for(work, PARTITIONS)
        self.instances = [
            Instance(args.bin, bootstrap, work, f"{APPLICATION}-{number}", options, APPLICATION)
            for number in range(INSTANCES)]

    def write(self, number):
        version = self.versions.get(number, 0) + 1
        send(self.bootstrap, number % PARTITIONS, number, version)
        self.versions[number] = version

    def write_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.write(random.randrange(ACCOUNTS))

    def wait_for_last(self, followers):
        end = time.monotonic() + LATE_S
        while time.monotonic() < end:
            if all(follower.version == self.versions[follower.account] for follower in followers):
                return
            time.sleep(0.2)
        for follower in followers:
            wanted = self.versions[follower.account]
            if follower.version != wanted:
                self.report.add("lost", f"account {follower.account}: {follower.version}, not "
                                        f"{wanted}")


def check_watch(world):
    """The command prints the account as it is, and ends by its limit."""
    urls = [flag for instance in world.instances
            for flag in ("--url", f"http://127.0.0.1:{instance.port}")]
    printed = subprocess.run([str(world.args.bin / "millrace"), "watch", f"sf:{sf_id(0)}",
                              "--limit", "1", *urls], check=True, capture_output=True, timeout=60)
    line = json.loads(printed.stdout)
    if int(line["data"]["fields"]["name"]) != world.versions[0]:
        world.report.add("wrong", f"watch printed {line}")


def run(args, bootstrap, work):
    world = World(args, bootstrap, work)
    try:
        wait_shared(world.instances)
        for number in range(ACCOUNTS):
            world.write(number)
        for instance in world.instances:
            instance.wait_caught_up()
        followers = [Follower(world, number % ACCOUNTS, number)
                     for number in range(ACCOUNTS * FOLLOWERS_OF_ACCOUNT)]
        for follower in followers:
            follower.start()
        world.write_for(CALM_S)
        world.wait_for_last(followers)
        killed = world.instances[2]
        killed.kill()
        world.write_for(DOWN_S)
        world.wait_for_last(followers)
        killed.start()
        world.write_for(CALM_S)
        wait_shared(world.instances)
        world.wait_for_last(followers)
        check_watch(world)
        if any(codes := [instance.stop() for instance in world.instances]):
            world.report.add("wrong", f"orderly stops exit with {codes}")
        time.sleep(1)
        world.is_over.set()
        for follower in followers:
            follower.join(SILENCE_S)
    finally:
        world.is_over.set()
        for instance in world.instances:
            if instance.process.poll() is None:
                instance.process.send_signal(signal.SIGKILL)
    events = sum(follower.events for follower in followers)
    ends = sum(follower.ends for follower in followers)
    if min(follower.events for follower in followers) < EVENTS_MIN:
        world.report.add("lost", "a follower has nearly no events")
    if ends < len(followers):
        world.report.add("wrong", f"only {ends} streams ended with their instances")
    counts = world.report.counts
    print(f"writes={sum(world.versions.values())} events={events} "
          f"streams={sum(follower.streams for follower in followers)} ends={ends} "
          f"lost={counts['lost']} wrong={counts['wrong']}", flush=True)
    return 0 if not counts else 1


def main():
    args = parser_of(__doc__).parse_args()
    return with_kafka(args.kafka, "changes", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
