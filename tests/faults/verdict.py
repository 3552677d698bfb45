"""Compares what the jobs left behind with what their inputs demand."""

from __future__ import annotations

import http.client
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from compare import (
    Report,
    check_conflicts,
    check_queries,
    check_redirects,
    check_states,
    check_versions,
    dump,
)
from load import DELIVERED, EVENTS, PADDING, Tallies
from oracle import Expected

if TYPE_CHECKING:
    from world import World

QUERIES_MAX = 3000
ASKS_MAX = 2
"""Of each instance, for one row."""


def expected_accounts(world: World) -> Expected:
    expected = None
    for source in world.crm_load.sources:
        one = Expected(world.args.changes, world.args.merges, source)
        if expected is None:
            expected = one
        else:
            expected.add(one)
    assert expected is not None
    return expected


def topic(world: World, name: str, latest: bool = False) -> list[dict]:
    return dump(world.args.bin, world.broker.address, name, latest)


def check_inputs(world: World, expected: Expected, report: Report) -> None:
    """Without a record in the inputs its absence from the outputs is no fault of the job."""
    for name, identity, want in (
            ("crm.accounts", "id", expected.records), ("crm.merge-facts", "victim", None)):
        values = [line["value"] for line in topic(world, name)]
        found = {(value[identity], value["version"]["sequence_number"])
                 for value in values if isinstance(value, dict) and identity in value}
        world.say(f"input topic={name} records={len(values)} different={len(found)}")
        if want is not None and len(found) != want:
            report.add("wrong", f"topic {name} has {len(found)} changes, {want} were loaded")


def check_crm_topics(world: World, expected: Expected, report: Report) -> None:
    check_redirects(expected, topic(world, "crm.redirects", True), report)
    check_states(expected, topic(world, "crm.account-state", True), report)
    check_versions(topic(world, "crm.account-state"), report)
    check_conflicts(topic(world, "crm.conflicts"), expected, report)


def check_crm_queries(world: World, expected: Expected, report: Report) -> None:
    ports = [each.port for each in world.instances if each.job.name == "crm"]
    names = sorted(expected.ids)
    names = random.Random(world.args.seed).sample(names, min(len(names), QUERIES_MAX))
    elsewhere = check_queries(expected, lambda _: ports * ASKS_MAX, report, names)
    world.say(f"queries ids={len(names)} victims_on_two_instances={elsewhere}")


def expected_tallies(events: list[dict]) -> tuple[Tallies, Tallies]:
    """By key, and by group: count, sum, last, overtaken."""
    by_key: Tallies = {}
    by_group: Tallies = {}
    for event in events:
        if not event["value"].isdigit():
            continue
        for tallies, key in ((by_key, event["key"]), (by_group, event["key"][-1])):
            count, total, last, overtaken = tallies.get(key, (0, 0, 0, 0))
            number = int(event["value"])
            tallies[key] = (count + 1, total + number, number, overtaken + (number != last + 1))
    return by_key, by_group


def check_tally(what: str, key: str, want: tuple, text: str | None, is_ordered: bool,
                report: Report) -> None:
    """`is_ordered`: all its events came from one partition, so that order shows too."""
    have = tuple(int(number) for number in text.split()) if text else (0, 0, 0, 0)
    compared = 4 if is_ordered else 2
    if have[:compared] == want[:compared]:
        return
    story = f"{what} of {key}: (count, sum, last, overtaken) is {have}, expected {want}"
    if have[0] != want[0]:
        report.add("lost" if have[0] < want[0] else "doubled", story)
    else:
        report.add("wrong", story)


def check_tallies(world: World, report: Report, read: Callable[[str, str, set[str]], dict],
                  what: str) -> None:
    by_key, by_group = expected_tallies(topic(world, EVENTS))
    for store, tallies, is_ordered in (("tallies", by_key, True),
                                       ("group-tallies", by_group, False)):
        found = read(store, f"faults.{store}", set(tallies))
        for key, want in tallies.items():
            check_tally(f"{what} {store}", key, want, found.get(key), is_ordered, report)
        for key in found.keys() - tallies.keys():
            report.add("wrong", f"{what} {store} of {key}, which no event names")


def check_tally_topics(world: World, report: Report) -> None:
    def read(_: str, name: str, __: set[str]) -> dict[str, str]:
        return {line["key"]: line["value"] for line in topic(world, name, True)}

    check_tallies(world, report, read, "topic")


def check_tally_stores(world: World, report: Report) -> None:
    instances = [each for each in world.instances if each.job.name == "tally"]

    def row(store: str, key: str) -> str | None:
        for instance in instances * ASKS_MAX:
            status, body = instance.get(f"/v1/stores/{store}?format=hex&key={key}")
            if status == 200:
                return bytes.fromhex(body["value_hex"]).decode()
        return None

    def read(store: str, _: str, keys: set[str]) -> dict[str, str | None]:
        return {key: row(store, key) for key in keys}

    check_tallies(world, report, read, "store")


def text_of(value: str) -> str:
    """Without what fills it up to its size."""
    return value.rstrip(PADDING)


def check_dead_letters(world: World, report: Report) -> None:
    for job in world.jobs.values():
        names = {name for name, _ in job.inputs}
        sent = Counter(text for name in names for text in world.poison.get(name, []))
        letters = [line["dead_letter"] for line in
                   dump(world.args.bin, world.broker.address, f"{job.name}.dead-letters",
                        reveal=True)]
        check_once(sent, Counter(text_of(letter["value"]) for letter in letters),
                   "dead letter", report)
        for letter in letters:
            text = text_of(letter["value"])
            if ("cut" in letter) != (text in world.cut):
                report.add("wrong", f"dead letter {text}: cut is {letter.get('cut')}")


def check_parcels(world: World, report: Report) -> None:
    found = Counter(text_of(line["value"]) for line in topic(world, DELIVERED))
    check_once(Counter(world.delivered), found, "parcel", report)


def check_once(sent: Counter[str], found: Counter[str], what: str, report: Report) -> None:
    for text in sorted(sent.keys() | found.keys()):
        if found[text] < sent[text]:
            report.add("lost", f"{what} {text}")
        elif sent[text] == 0:
            report.add("wrong", f"{what} that nobody sent: {text}")
        elif found[text] > sent[text]:
            report.add("doubled", f"{what} {text}, {found[text]} times")


def check_everything(world: World) -> Report:
    report = Report()
    expected = expected_accounts(world)
    world.say(f"compare ids={len(expected.ids)} rounds={len(world.crm_load.sources)}")
    check_inputs(world, expected, report)
    check_crm_topics(world, expected, report)
    check_tally_topics(world, report)
    check_dead_letters(world, report)
    check_parcels(world, report)
    check_stores(world, expected, report)
    for text in world.problems + world.supervisor.crashes + world.progress.regressions:
        report.add("wrong", text)
    return report


def check_stores(world: World, expected: Expected, report: Report) -> None:
    try:
        check_crm_queries(world, expected, report)
        check_tally_stores(world, report)
    except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
        report.add("wrong", f"a query was not answered: {error}")
