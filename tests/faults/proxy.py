"""The network between an instance and the broker: a TCP proxy that can be cut and slowed down."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

CHUNK_BYTES = 64 << 10


class Proxy:
    """Hands connections on from one port to another. Its methods may be called from any thread."""

    def __init__(self, network: Network, port: int, target: int) -> None:
        self.network, self.port, self.target = network, port, target
        self.is_cut = False
        self.delay_s = 0.0
        self.bytes_per_s = 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Every connection is reset, and every new one."""
        self.network.call(self._cut)

    def swallow(self) -> None:
        """Nothing gets through, and nobody is told: connections stay, data waits."""
        self.network.call(self.open.clear)

    def slow(self, delay_s: float = 0.0, bytes_per_s: float = 0.0) -> None:
        self.delay_s, self.bytes_per_s = delay_s, bytes_per_s

    def heal(self) -> None:
        """What waited arrives now, late."""
        self.slow()
        self.is_cut = False
        self.network.call(self.open.set)

    def _cut(self) -> None:
        self.is_cut = True
        for writer in self.writers:
            writer.transport.abort()

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


class Network:
    """All proxies, in one thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.proxies: list[Proxy] = []
        threading.Thread(target=self.loop.run_forever, name="network", daemon=True).start()

    def proxy(self, port: int, target: int) -> Proxy:
        proxy = Proxy(self, port, target)
        asyncio.run_coroutine_threadsafe(proxy.serve(), self.loop).result(10)
        self.proxies.append(proxy)
        return proxy

    def call(self, action: Callable[[], None]) -> None:
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self.loop.call_soon_threadsafe(act)
        if not done.wait(10):
            raise RuntimeError("the proxies' thread does not answer")
