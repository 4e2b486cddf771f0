"""What the load run's clients share: kept HTTP connections, event streams, and a book of what they saw."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TIMEOUT_S = 30.0


@dataclass
class Seen:
    """What all clients saw."""

    took_ms: dict[str, list[float]] = field(default_factory=dict)
    due_at: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def note(self, what: str, status: int, due_at: float) -> None:
        """Note an answer that has just come; ``due_at`` is when it was asked for (monotonic clock)."""
        self.took_ms.setdefault(what, []).append((time.monotonic() - due_at) * 1000)
        self.due_at.setdefault(what, []).append(due_at)
        self.statuses[what, status] += 1

    def percentiles_ms(self, what: str) -> tuple[float, float]:
        """Median and 99th percentile."""
        p50, p99 = np.percentile(self.took_ms[what], [50, 99])
        return float(p50), float(p99)

    def count(self, what: str, status: int) -> int:
        return self.statuses[what, status]


class Line:
    """One kept connection, one question at a time."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and JSON of an answer."""
        async with asyncio.timeout(TIMEOUT_S):
            if self._streams is not None:
                try:
                    return await self._ask(*self._streams, method, path, body)
                except (ConnectionError, asyncio.IncompleteReadError) as error:
                    self._drop()
                    if getattr(error, "partial", b""):
                        raise
                    # a kept connection that was idle for long is closed by the server: every client asks anew
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                return await self._ask(*self._streams, method, path, body)
            except BaseException:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str, body: Any
    ) -> tuple[int, Any]:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        said = await reader.readuntil(b"\r\n\r\n")
        length = said.lower().split(b"content-length:")[1].split(b"\r\n")[0]
        told = await reader.readexactly(int(length))
        if b"connection: close" in said.lower():
            writer.close()
            self._streams = None
        return int(said[9:12]), json.loads(told) if told else None


class Lines:
    """Several connections; whoever asks takes one that is free."""

    def __init__(self, port: int, key: str, count: int) -> None:
        self._free: asyncio.Queue[Line] = asyncio.Queue()
        for _ in range(count):
            self._free.put_nowait(Line(port, key))

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Line]:
        line = await self._free.get()
        try:
            yield line
        finally:
            self._free.put_nowait(line)


@dataclass
class Listener:
    """Reads ``/v1/events``, is cut off now and then, and goes on after the last event it saw."""

    port: int
    key: str
    cut_every_s: float
    topics: Counter[str] = field(default_factory=Counter)
    reported: dict[str, float] = field(default_factory=dict)
    last_id: str = ""
    resets: int = 0
    repeats: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with asyncio.timeout(self.cut_every_s):
                    await self._read(stop)
            except (TimeoutError, OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.2)

    async def _read(self, stop: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        resume = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
        head = f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n"
        writer.write(f"{head}{resume}\r\n".encode())
        try:
            await reader.readuntil(b"\r\n\r\n")
            position, topic = "", b""
            while not stop.is_set():
                line = await reader.readline()
                if not line:
                    return
                if line.startswith(b"id: "):
                    position = line[4:].strip().decode()
                elif line.startswith(b"event: "):
                    topic = line[7:].strip()
                elif line.startswith(b"data: "):
                    self._event(topic.decode(), line[6:])
                elif line == b"\n" and position:
                    self.last_id = position
        finally:
            writer.close()

    def _event(self, topic: str, data: bytes) -> None:
        self.topics[topic] += 1
        if topic == "reset":
            self.resets += 1
        elif topic == "incident.reported":
            key = json.loads(data)["id"]
            self.repeats += key in self.reported
            self.reported.setdefault(key, time.monotonic())


async def on_schedule(per_second: float, seconds: float, work: Callable[[int, float], Any]) -> None:
    """Start ``work(number, due)`` at an even pace whatever the answers take, and wait for all of it."""
    began = time.monotonic()
    running: set[asyncio.Task[Any]] = set()
    for number in range(round(per_second * seconds)):
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(work(number, due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
