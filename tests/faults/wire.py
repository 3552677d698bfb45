"""Requests that kcat cannot make: committed offsets, partition ends, new partitions, deletions, and
which nodes hold which partitions.

Each question goes to the node that answers it: a partition's leader, a group's coordinator.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

LIST_OFFSETS, METADATA, OFFSET_FETCH, FIND_COORDINATOR, DELETE_RECORDS = 2, 3, 9, 10, 21
CREATE_PARTITIONS, ELECT_LEADERS, ALTER_CONFIGS, REASSIGN = 37, 43, 44, 45
VERSION = 1  # of all but these; only REASSIGN has compact encodings
VERSIONS = {FIND_COORDINATOR: 0, ALTER_CONFIGS: 0, REASSIGN: 0}
CREATE_TIMEOUT_MS = 20_000
LATEST, EARLIEST = -1, -2
TOPIC_RESOURCE, SET = 2, 0
DELETE_TIMEOUT_MS = 30_000
MOVE_TIMEOUT_MS = 30_000
PREFERRED, ALL = 0, -1
NO_NODE = -1
NO_TAGS = b"\0"
ANSWER_BYTES_MAX = 16 << 20

Partition = tuple[str, int]


@dataclass(frozen=True)
class Placement:
    """Nodes of a partition."""

    leader: int
    """NO_NODE: there is none."""
    replicas: tuple[int, ...]
    """The first is to lead."""
    in_sync: tuple[int, ...]


class WireError(OSError):
    """The broker is away, answers something else, or is not ready to answer."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def text(self) -> str:
        size = self.number("h")
        value = self.data[self.at : self.at + max(size, 0)]
        self.at += max(size, 0)
        return value.decode()

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.number("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def compact_text(self) -> str:
        size = max(self.varint() - 1, 0)
        value = self.data[self.at : self.at + size]
        self.at += size
        return value.decode()

    def numbers(self) -> tuple[int, ...]:
        return tuple(self.number("i") for _ in range(self.number("i")))


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def _varint(value: int) -> bytes:
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def _compact_text(value: str) -> bytes:
    data = value.encode()
    return _varint(len(data) + 1) + data


def _numbers_by_topic(partitions: Iterable[Partition]) -> dict[str, list[int]]:
    topics: dict[str, list[int]] = {}
    for topic, partition in partitions:
        topics.setdefault(topic, []).append(partition)
    return topics


def _by_topic(partitions: list[Partition], encode: str, *values: int) -> bytes:
    topics = _numbers_by_topic(partitions)
    data = struct.pack(">i", len(topics))
    for topic, numbers in topics.items():
        data += _text(topic) + struct.pack(">i", len(numbers))
        for number in numbers:
            data += struct.pack(">i" + encode, number, *values)
    return data


class Wire:
    """One connection to each node, opened again after every failure. Not thread-safe."""

    def __init__(self, port: int, timeout_s: float = 3.0) -> None:
        """`port`: of the first node."""
        self.port, self.timeout_s = port, timeout_s
        self.sockets: dict[int, socket.socket] = {}
        self.leaders: dict[Partition, int] = {}
        self.coordinators: dict[str, int] = {}
        self.correlation = 0

    def close(self) -> None:
        for each in self.sockets.values():
            each.close()
        self.sockets.clear()
        self.leaders.clear()
        self.coordinators.clear()

    def ends(self, partitions: list[Partition], when: int = LATEST) -> dict[Partition, int]:
        """First offset that is not there yet, of each partition."""
        found = {}
        for port, led in self._by_leader(partitions).items():
            body = struct.pack(">i", -1) + _by_topic(led, "q", when)
            found.update(self._ask(port, LIST_OFFSETS, body, self._end))
        return found

    def committed(self, group: str, partitions: list[Partition]) -> dict[Partition, int]:
        """0 where the group has committed nothing yet."""
        body = _text(group) + _by_topic(partitions, "")
        return self._ask(self._coordinator(group), OFFSET_FETCH, body, self._committed)

    def placements(self) -> dict[Partition, Placement]:
        """Of all partitions, Kafka's own too."""
        ports, found = self._metadata()
        self.leaders = {partition: ports[placement.leader]
                        for partition, placement in found.items() if placement.leader in ports}
        return found

    def reassign(self, wanted: dict[Partition, list[int]]) -> None:
        """Orders partitions to nodes, where they are when the new ones have caught up."""
        topics = _numbers_by_topic(wanted)
        body = struct.pack(">i", MOVE_TIMEOUT_MS) + _varint(len(topics) + 1)
        for topic, numbers in topics.items():
            body += _compact_text(topic) + _varint(len(numbers) + 1)
            for number in numbers:
                nodes = wanted[topic, number]
                body += struct.pack(">i", number) + _varint(len(nodes) + 1)
                body += struct.pack(f">{len(nodes)}i", *nodes) + NO_TAGS
            body += NO_TAGS
        reader = self._round_trip(self.port, REASSIGN, NO_TAGS + body + NO_TAGS)
        reader.varint()  # tags of the header
        reader.number("i")  # throttle time
        error, reason = reader.number("h"), reader.compact_text()
        if error:
            raise WireError(f"AlterPartitionReassignments: error {error} {reason}")
        for _ in range(reader.varint() - 1):
            topic = reader.compact_text()
            for _ in range(reader.varint() - 1):
                number, error = reader.number("i"), reader.number("h")
                reason, _ = reader.compact_text(), reader.varint()
                if error:
                    raise WireError(f"reassignment of {topic}/{number}: error {error} {reason}")
            reader.varint()

    def elect_preferred(self) -> None:
        """The first in-sync replica of each partition leads it, soon."""
        self._round_trip(self.port, ELECT_LEADERS,
                         struct.pack(">bii", PREFERRED, ALL, MOVE_TIMEOUT_MS))
        self.leaders.clear()

    def grow(self, topic: str, partitions: int) -> None:
        """Gives the topic so many partitions."""
        anywhere = struct.pack(">i", -1)
        body = struct.pack(">i", 1) + _text(topic) + struct.pack(">i", partitions) + anywhere
        reader = self._round_trip(
            self.port, CREATE_PARTITIONS, body + struct.pack(">i?", CREATE_TIMEOUT_MS, False))
        reader.number("i")  # throttle time
        if reader.number("i") != 1 or reader.text() != topic:
            raise WireError("CreatePartitions: an answer to another question")
        if error := reader.number("h"):
            raise WireError(f"CreatePartitions: error {error}")

    def delete_before(self, offsets: dict[Partition, int]) -> None:
        """Moves the beginnings of partitions, which a policy of compaction alone does not allow."""
        for port, led in self._by_leader(list(offsets)).items():
            self._delete_before(port, {partition: offsets[partition] for partition in led})

    def _delete_before(self, port: int, offsets: dict[Partition, int]) -> None:
        body = struct.pack(">i", len(offsets))
        for (topic, partition), offset in offsets.items():
            body += _text(topic) + struct.pack(">iiq", 1, partition, offset)
        body += struct.pack(">i", DELETE_TIMEOUT_MS)
        reader = self._round_trip(port, DELETE_RECORDS, body)
        reader.number("i")  # throttle time
        for _ in range(reader.number("i")):
            topic = reader.text()
            for _ in range(reader.number("i")):
                partition, _, error = (reader.number(form) for form in "iqh")
                if error:
                    raise WireError(f"DeleteRecords of {topic}/{partition}: error {error}")

    def set_topic_property(self, topic: str, name: str, value: str) -> None:
        body = struct.pack(">ib", 1, TOPIC_RESOURCE) + _text(topic)
        body += struct.pack(">i", 1) + _text(name) + struct.pack(">b", SET) + _text(value)
        reader = self._round_trip(self.port, ALTER_CONFIGS, body + struct.pack(">?", False))
        reader.number("i")  # throttle time
        reader.number("i")
        if error := reader.number("h"):
            raise WireError(f"IncrementalAlterConfigs of {topic}: error {error}")

    def _by_leader(self, partitions: list[Partition]) -> dict[int, list[Partition]]:
        """Ports of leaders, each with those of the partitions that it leads."""
        if any(each not in self.leaders for each in partitions):
            self.placements()
        led: dict[int, list[Partition]] = {}
        for each in partitions:
            if each not in self.leaders:
                raise WireError(f"{each[0]}/{each[1]} has no leader")
            led.setdefault(self.leaders[each], []).append(each)
        return led

    def _coordinator(self, group: str) -> int:
        """Its port."""
        if group not in self.coordinators:
            reader = self._round_trip(self.port, FIND_COORDINATOR, _text(group))
            if error := reader.number("h"):
                raise WireError(f"FindCoordinator: error {error}")
            reader.number("i"), reader.text()  # node and host
            self.coordinators[group] = reader.number("i")
        return self.coordinators[group]

    def _metadata(self) -> tuple[dict[int, int], dict[Partition, Placement]]:
        """Ports of the nodes that are there, and all partitions."""
        reader = self._round_trip(self.port, METADATA, struct.pack(">i", ALL))
        ports, found = {}, {}
        for _ in range(reader.number("i")):
            node, _, port, _ = reader.number("i"), reader.text(), reader.number("i"), reader.text()
            ports[node] = port
        reader.number("i")  # controller
        for _ in range(reader.number("i")):
            reader.number("h")
            topic = reader.text()
            reader.number("?")  # Kafka's own
            for _ in range(reader.number("i")):
                reader.number("h")
                number, leader = reader.number("i"), reader.number("i")
                found[topic, number] = Placement(leader, reader.numbers(), reader.numbers())
        return ports, found

    @staticmethod
    def _end(reader: _Reader) -> int:
        error = reader.number("h")
        reader.number("q")  # timestamp
        offset = reader.number("q")
        if error:
            raise WireError(f"ListOffsets: error {error}")
        return offset

    @staticmethod
    def _committed(reader: _Reader) -> int:
        offset = reader.number("q")
        reader.text()  # metadata
        if error := reader.number("h"):
            raise WireError(f"OffsetFetch: error {error}")
        return max(offset, 0)

    def _ask(self, port: int, key: int, body: bytes,
             answer: Callable[[_Reader], int]) -> dict[Partition, int]:
        try:
            reader = self._round_trip(port, key, body)
            found = {}
            for _ in range(reader.number("i")):
                topic = reader.text()
                for _ in range(reader.number("i")):
                    partition = reader.number("i")
                    found[topic, partition] = answer(reader)
            return found
        except (WireError, struct.error) as error:
            self.close()
            raise WireError(str(error)) from error

    def _round_trip(self, port: int, key: int, body: bytes) -> _Reader:
        """Afterwards all connections are closed, and nothing is known, if it fails."""
        try:
            return self._exchange(port, key, body)
        except (OSError, struct.error) as error:
            self.close()
            raise WireError(str(error)) from error

    def _exchange(self, port: int, key: int, body: bytes) -> _Reader:
        if port not in self.sockets:
            self.sockets[port] = socket.create_connection(("127.0.0.1", port), self.timeout_s)
        self.correlation += 1
        version = VERSIONS.get(key, VERSION)
        request = struct.pack(">hhi", key, version, self.correlation) + _text("faults") + body
        self.sockets[port].sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", self._receive(port, 4))
        if not 4 <= size <= ANSWER_BYTES_MAX:
            raise WireError(f"an answer of {size} bytes")
        reader = _Reader(self._receive(port, size))
        if reader.number("i") != self.correlation:
            raise WireError("an answer to another question")
        return reader

    def _receive(self, port: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.sockets[port].recv(size - len(data))
            if not part:
                raise WireError("connection closed")
            data += part
        return data
