#!/usr/bin/env python3
"""Asks two instances of crm_materializer on a real Kafka for every merged organisation of a
registry history. The state of an organisation may be on one and the redirect to it on the other.
Without a key of the instances nobody answers for such a one; with it, both give the same answer.

    queries_test.py --bin DIR --kafka apps/kafka/local_kafka.sh --data DIR
"""

import secrets
import sys

from arguments import add_registry, find_registry, parser_of
from compare import Report, check_queries
from oracle import Expected
from process import Instance, load_registry, wait_shared, with_kafka

APPLICATION = "crm-queries"


def start(args, bootstrap, work, options):
    return [Instance(args.bin, bootstrap, work, f"{APPLICATION}-{number}", options, APPLICATION)
            for number in range(2)]


def stop(instances, report):
    codes = [instance.stop() for instance in instances]
    if any(codes):
        report.add("wrong", f"orderly stops exit with {codes}")


def check_equal(instances, names, report):
    """Both answer with the same state of the same owner. Returns the owners."""
    owners = set()
    for name in names:
        answers = [instance.get(f"/v1/accounts/{name}") for instance in instances]
        for status, body in answers:
            if status == 200:
                owners.add(body.pop("position")["instance"])
                body.pop("freshness_ms")
        if answers[0] != answers[1]:
            report.add("wrong", f"two answers for {name}: {answers}")
    return owners


def run(args, bootstrap, work):
    expected, report = Expected(args.changes, args.merges), Report()
    roots = {expected.root(name) for name in expected.redirects}
    merged = sorted(expected.redirects.keys() | roots)
    key = work / "peer.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32), encoding="ascii")
    instances = start(args, bootstrap, work, [])
    try:
        load_registry(args.bin, bootstrap, args.changes, args.merges)
        wait_shared(instances)
        ports = [instance.port for instance in instances]
        apart = check_queries(expected, lambda _: ports, report, merged)
        if apart == 0:
            report.add("wrong", "no redirect is apart from its account, so this shows nothing")
        stop(instances, report)

        instances = start(args, bootstrap, work, ["--query.peer.key.file", str(key)])
        wait_shared(instances)
        for instance in instances:
            port = instance.port
            if lost := check_queries(expected, lambda _, port=port: [port], report, merged):
                report.add("lost", f"{lost} queries of {len(merged)} on port {port}")
        owners = check_equal(instances, merged, report)
        if len(owners) != 2:
            report.add("wrong", f"all answers come from {owners}")
        stop(instances, report)
    finally:
        for instance in instances:
            if instance.process.poll() is None:
                instance.kill()
    counts = report.counts
    print(f"merged={len(merged)} apart={apart} lost={counts['lost']} wrong={counts['wrong']}",
          flush=True)
    return 0 if not counts else 1


def main():
    parser = parser_of(__doc__)
    add_registry(parser)
    args = parser.parse_args()
    find_registry(args)
    return with_kafka(args.kafka, "queries", lambda bootstrap, work: run(args, bootstrap, work))


if __name__ == "__main__":
    sys.exit(main())
