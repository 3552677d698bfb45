"""Makes the machine fail under an instance, by a file that faulty_libc.cc reads."""

from __future__ import annotations

import struct
from pathlib import Path

WRITES, READS, SYNCS = 1, 2, 4
IN_FLUSH, IN_INGEST = 1, 2
FORM = "<qIIiI"
FAULTS_AT, HITS_AT = 8, 20
MS_PER_HOUR = 3_600_000


class Control:
    """A small file that the instance has mapped; it holds over restarts."""

    def __init__(self, path: Path, library: Path, state: Path) -> None:
        self.path = path
        path.write_bytes(bytes(struct.calcsize(FORM)))
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULTS_CONTROL": str(path),
            "FAULTS_STATE": str(state),
        }

    def step_clock(self, hours: float) -> None:
        """From the true time."""
        self._write(0, struct.pack("<q", int(hours * MS_PER_HOUR)))

    def fail(self, what: int) -> None:
        """WRITES, READS, SYNCS, or several, until `heal`."""
        self._write(FAULTS_AT, struct.pack("<IIiI", what, 0, 0, 0))

    def die(self, where: int, count: int) -> None:
        """At the count-th change of a file IN_FLUSH or IN_INGEST, until `heal`."""
        self._write(FAULTS_AT, struct.pack("<IIiI", 0, where, count, 0))

    def heal(self) -> int:
        """How many calls failed."""
        (hits,) = struct.unpack_from("<I", self.path.read_bytes(), HITS_AT)
        self.fail(0)
        return hits

    def _write(self, offset: int, data: bytes) -> None:
        with open(self.path, "r+b", buffering=0) as file:
            file.seek(offset)
            file.write(data)
