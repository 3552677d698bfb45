"""The Kafka under test: its nodes are started, stopped and killed, together or one of them. Each
has one more listener for each instance, behind a proxy."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import tempfile
from pathlib import Path

COMMAND_TIMEOUT_S = 300
START_ATTEMPTS = 2
FIRST_PORT, LAST_PORT, PORT_STEP = 29092, 39092, 100
# Beside the nodes' ports and the controller's, which is the second.
PROXY_OFFSET, LISTENER_OFFSET = 8, 38


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


held_locks: list[int] = []
"""Of this process's ports, until it ends."""


def hold(port: int) -> bool:
    """Whether no other process has the ports from this one on. A cluster that starts a moment later
    finds them free, as do others while a test has stopped a node."""
    try:
        lock = os.open(Path(tempfile.gettempdir()) / f"millrace-ports-{port}.lock",
                       os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:  # another user's
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    held_locks.append(lock)
    return True


def free_ports(proxied: int, nodes: int = 1) -> int:
    """A first node's port around which all others are free too, and which this process alone uses
    from now on. `proxied`: how many instances have proxies."""
    offsets = list(range(max(nodes, 2)))
    for number in range(proxied * nodes):
        offsets += [PROXY_OFFSET + number, LISTENER_OFFSET + number]
    for port in range(FIRST_PORT, LAST_PORT, PORT_STEP):
        if all(is_free(port + offset) for offset in offsets) and hold(port):
            return port
    raise RuntimeError("no free ports for a Kafka and its proxies: say --port")


class Broker:
    def __init__(self, script: Path, folder: Path, port: int, proxied: int, nodes: int = 1) -> None:
        """Topics have a replica on each of so many `nodes`, if nothing else is said for them."""
        self.script, self.folder, self.port, self.nodes = script, folder, port, nodes
        self.address = ",".join(f"127.0.0.1:{port + number}" for number in range(nodes))
        self.options = ["--set", f"default.replication.factor={nodes}"]
        for number in range(proxied):
            proxy, listener = self.proxy_ports(number)[0]
            self.options += ["--listener", f"{listener}:{proxy}"]

    def proxy_ports(self, number: int) -> list[tuple[int, int]]:
        """For each node, where the proxy of an instance listens and where it goes."""
        first = number * self.nodes
        return [(self.port + PROXY_OFFSET + each, self.port + LISTENER_OFFSET + each)
                for each in range(first, first + self.nodes)]

    def start(self, nodes: int | None = None) -> None:
        """Starts those of all nodes, or of the first so many, that do not run."""
        for attempt in range(START_ATTEMPTS):
            try:
                self._command("start", "--nodes", str(nodes or self.nodes), *self.options)
                return
            except RuntimeError:  # a busy machine: it gave up waiting
                if attempt + 1 == START_ATTEMPTS:
                    raise

    def stop(self, node: int | None = None) -> None:
        """In order; all nodes, or one."""
        self._command("stop", *self._node(node))

    def kill(self, node: int | None = None) -> None:
        """All nodes, or one. Returns when it is gone and its port is free."""
        self._command("kill", *self._node(node))

    def wipe(self) -> None:
        self._command("wipe")

    @staticmethod
    def _node(node: int | None) -> list[str]:
        return [] if node is None else ["--node", str(node)]

    def _command(self, command: str, *more: str) -> None:
        done = subprocess.run(
            [str(self.script), command, "--port", str(self.port), "--dir", str(self.folder), *more],
            capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
        if done.returncode != 0:
            raise RuntimeError(f"{self.script.name} {command}: {done.stdout}{done.stderr}")
