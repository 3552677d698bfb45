"""Requests that kcat cannot make: offsets, partition ends, new partitions, deletions, moves."""

from __future__ import annotations

import socket
import struct

LIST_OFFSETS, OFFSET_FETCH, DELETE_RECORDS, CREATE_PARTITIONS, ALTER_CONFIGS = 2, 9, 21, 37, 44
REASSIGN_PARTITIONS = 45
VERSION = 1
VERSIONS = {ALTER_CONFIGS: 0, REASSIGN_PARTITIONS: 0}  # of those that have no version 1
COMPACT = {REASSIGN_PARTITIONS}  # lengths are one higher, of one byte; fields with tags may follow
NO_TAGS = b"\0"
CREATE_TIMEOUT_MS = 20_000
LATEST, EARLIEST = -1, -2
TOPIC_RESOURCE, SET = 2, 0
DELETE_TIMEOUT_MS = 30_000
ANSWER_BYTES_MAX = 16 << 20

Partition = tuple[str, int]


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


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def _compact_list(*entries: bytes) -> bytes:
    return bytes([len(entries) + 1]) + b"".join(entries)


def _by_topic(partitions: list[Partition], encode: str, *values: int) -> bytes:
    topics: dict[str, list[int]] = {}
    for topic, partition in partitions:
        topics.setdefault(topic, []).append(partition)
    data = struct.pack(">i", len(topics))
    for topic, numbers in topics.items():
        data += _text(topic) + struct.pack(">i", len(numbers))
        for number in numbers:
            data += struct.pack(">i" + encode, number, *values)
    return data


class Wire:
    """One connection, opened again after every failure. Not thread-safe."""

    def __init__(self, port: int, timeout_s: float = 3.0) -> None:
        self.port, self.timeout_s = port, timeout_s
        self.socket: socket.socket | None = None
        self.correlation = 0

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def ends(self, partitions: list[Partition], when: int = LATEST) -> dict[Partition, int]:
        """First offset that is not there yet, of each partition."""
        body = struct.pack(">i", -1) + _by_topic(partitions, "q", when)
        return self._ask(LIST_OFFSETS, body, self._end)

    def committed(self, group: str, partitions: list[Partition]) -> dict[Partition, int]:
        """0 where the group has committed nothing yet."""
        body = _text(group) + _by_topic(partitions, "")
        return self._ask(OFFSET_FETCH, body, self._committed)

    def grow(self, topic: str, partitions: int) -> None:
        """Gives the topic so many partitions."""
        anywhere = struct.pack(">i", -1)
        body = struct.pack(">i", 1) + _text(topic) + struct.pack(">i", partitions) + anywhere
        reader = self._round_trip(
            CREATE_PARTITIONS, body + struct.pack(">i?", CREATE_TIMEOUT_MS, False))
        reader.number("i")  # throttle time
        if reader.number("i") != 1 or reader.text() != topic:
            raise WireError("CreatePartitions: an answer to another question")
        if error := reader.number("h"):
            raise WireError(f"CreatePartitions: error {error}")

    def move(self, topic: str, partition: int, node: int) -> None:
        """Begins to move the partition to that node alone."""
        name = topic.encode()
        place = struct.pack(">i", partition) + _compact_list(struct.pack(">i", node)) + NO_TAGS
        moved = bytes([len(name) + 1]) + name + _compact_list(place) + NO_TAGS
        reader = self._round_trip(REASSIGN_PARTITIONS, struct.pack(">i", CREATE_TIMEOUT_MS)
                                  + _compact_list(moved) + NO_TAGS)
        reader.number("b")  # tags of the answer's head
        reader.number("i")  # throttle time
        if error := reader.number("h"):
            raise WireError(f"AlterPartitionReassignments of {topic}/{partition}: error {error}")

    def delete_before(self, offsets: dict[Partition, int]) -> None:
        """Moves the beginnings of partitions, which a policy of compaction alone does not allow."""
        body = struct.pack(">i", len(offsets))
        for (topic, partition), offset in offsets.items():
            body += _text(topic) + struct.pack(">iiq", 1, partition, offset)
        reader = self._round_trip(DELETE_RECORDS, body + struct.pack(">i", DELETE_TIMEOUT_MS))
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
        reader = self._round_trip(ALTER_CONFIGS, body + struct.pack(">?", False))
        reader.number("i")  # throttle time
        reader.number("i")
        if error := reader.number("h"):
            raise WireError(f"IncrementalAlterConfigs of {topic}: error {error}")

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

    def _ask(self, key: int, body: bytes, answer) -> dict[Partition, int]:
        try:
            reader = self._round_trip(key, body)
            found = {}
            for _ in range(reader.number("i")):
                topic = reader.text()
                for _ in range(reader.number("i")):
                    partition = reader.number("i")
                    found[topic, partition] = answer(reader)
            return found
        except (OSError, struct.error) as error:
            self.close()
            raise WireError(str(error)) from error

    def _round_trip(self, key: int, body: bytes) -> _Reader:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), self.timeout_s)
        self.correlation += 1
        version = VERSIONS.get(key, VERSION)
        tags = NO_TAGS if key in COMPACT else b""
        head = struct.pack(">hhi", key, version, self.correlation) + _text("faults") + tags
        request = head + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", self._receive(4))
        if not 4 <= size <= ANSWER_BYTES_MAX:
            raise WireError(f"an answer of {size} bytes")
        reader = _Reader(self._receive(size))
        if reader.number("i") != self.correlation:
            raise WireError("an answer to another question")
        return reader

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise WireError("connection closed")
            data += part
        return data
