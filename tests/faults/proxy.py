"""The network between an instance and the broker: a TCP proxy that can be cut and slowed down.

All proxies are one process of their own, so that nothing the harness computes holds up the network.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import Any

CHUNK_BYTES = 64 << 10
ANSWER = b"done\n"


class Proxy:
    """The ports of an instance, one to each node. Its methods may be called from any thread; done
    when they return."""

    def __init__(self, network: Network, ports: list[int]) -> None:
        self.network, self.ports = network, ports

    def cut(self) -> None:
        """Every connection is reset, and every new one."""
        self._tell("cut")

    def swallow(self) -> None:
        """Nothing gets through, and nobody notices: connections stay, data waits."""
        self._tell("swallow")

    def slow(self, delay_s: float = 0.0, bytes_per_s: float = 0.0) -> None:
        """Of each connection."""
        self._tell("slow", delay_s, bytes_per_s)

    def heal(self) -> None:
        """Waiting data arrive now, late."""
        self._tell("heal")

    def _tell(self, what: str, *values: float) -> None:
        for port in self.ports:
            self.network.tell(port, what, *values)


class Network:
    """The process of all proxies. It ends with this one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = subprocess.Popen([sys.executable, "-B", __file__], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def proxy(self, ways: list[tuple[int, int]]) -> Proxy:
        """`ways`: ports, and where each goes."""
        for port, target in ways:
            self.tell(port, "open", target)
        return Proxy(self, [port for port, _ in ways])

    def tell(self, port: int, what: str, *values: float) -> None:
        with self.lock:
            self.process.stdin.write(json.dumps([port, what, *values]).encode() + b"\n")
            self.process.stdin.flush()
            if self.process.stdout.readline() != ANSWER:
                raise RuntimeError("the process of the proxies has ended")

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class Server:
    """Hands connections on from one port to another; in the proxies' process."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target = port, target
        self.is_cut = False
        self.delay_s = 0.0
        self.bytes_per_s = 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        self.is_cut = True
        for writer in self.writers:
            writer.transport.abort()

    def swallow(self) -> None:
        self.open.clear()

    def slow(self, delay_s: float = 0.0, bytes_per_s: float = 0.0) -> None:
        self.delay_s, self.bytes_per_s = delay_s, bytes_per_s

    def heal(self) -> None:
        self.slow()
        self.is_cut = False
        self.open.set()

    async def serve(self) -> None:
        await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        self.writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self.writers.discard(writer)
            writer.transport.abort()
            return
        self.writers.add(far_writer)
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                self.writers.discard(end)
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                if self.delay_s or self.bytes_per_s:
                    throttle_s = len(data) / self.bytes_per_s if self.bytes_per_s else 0
                    await asyncio.sleep(self.delay_s + throttle_s)
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


async def serve() -> None:
    """Until the harness closes its end."""
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    servers: dict[int, Server] = {}
    while line := await commands.readline():
        port, what, *values = json.loads(line)
        await act(servers, port, what, values)
        sys.stdout.buffer.write(ANSWER)
        sys.stdout.buffer.flush()


async def act(servers: dict[int, Server], port: int, what: str, values: list[Any]) -> None:
    if what == "open":
        servers[port] = Server(port, *values)
        await servers[port].serve()
    else:
        getattr(servers[port], what)(*values)


if __name__ == "__main__":
    asyncio.run(serve())
