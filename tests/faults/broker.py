"""The Kafka under test: started, stopped and killed; with one more listener for each proxy."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

COMMAND_TIMEOUT_S = 300
START_ATTEMPTS = 2
FIRST_PORT, LAST_PORT, PORT_STEP = 29092, 39092, 100
# Beside the broker's port and the controller's, which is the next one.
PROXY_OFFSET, LISTENER_OFFSET, LISTENERS_MAX = 8, 38, 30


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(proxies: int, nodes: int = 1) -> int:
    """A broker's port around which all others are free too."""
    offsets = list(range(max(nodes, 2)))
    for number in range(proxies):
        offsets += [PROXY_OFFSET + number, LISTENER_OFFSET + number]
    for port in range(FIRST_PORT, LAST_PORT, PORT_STEP):
        if all(is_free(port + offset) for offset in offsets):
            return port
    raise RuntimeError("no free ports for a Kafka and its proxies: say --port")


class Broker:
    def __init__(self, script: Path, folder: Path, port: int, proxies: int) -> None:
        self.script, self.folder, self.port = script, folder, port
        self.address = f"127.0.0.1:{port}"
        self.listeners = []
        for number in range(proxies):
            pair = f"{port + LISTENER_OFFSET + number}:{port + PROXY_OFFSET + number}"
            self.listeners += ["--listener", pair]

    def proxy_ports(self, number: int) -> tuple[int, int]:
        """Where the proxy listens, and where it goes."""
        return self.port + PROXY_OFFSET + number, self.port + LISTENER_OFFSET + number

    def start(self, nodes: int = 1) -> None:
        """Starts those of the first so many nodes that do not run."""
        for attempt in range(START_ATTEMPTS):
            try:
                self._command("start", "--nodes", str(nodes), *self.listeners)
                return
            except RuntimeError:  # a busy machine: it gave up waiting
                if attempt + 1 == START_ATTEMPTS:
                    raise

    def stop(self) -> None:
        self._command("stop")

    def kill(self, node: int = 1) -> None:
        """Returns when it is gone and its port is free."""
        self._command("kill", "--node", str(node))

    def wipe(self) -> None:
        self._command("wipe")

    def _command(self, command: str, *more: str) -> None:
        done = subprocess.run(
            [str(self.script), command, "--port", str(self.port), "--dir", str(self.folder), *more],
            capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
        if done.returncode != 0:
            raise RuntimeError(f"{self.script.name} {command}: {done.stdout}{done.stderr}")
